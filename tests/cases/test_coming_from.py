"""The pages "Coming from ...": each row of their tables was tried, and no row is without a try."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from backend.contracts.fields import described
from backend.contracts.settings import MODES
from backend.contracts.settings import parse as settings
from backend.contracts.settings.kinds import MAX_CELLS
from backend.control.registry import ENTRIES as DETECTORS
from backend.models.catalog.folders import FOLDERS, candidates
from backend.models.text.prompt import parse
from backend.models.text.prompt_schedule import at_steps
from backend.recipes.a1111 import parse_parameters
from backend.recipes.a1111_names import sampler_and_schedule
from backend.recipes.dialects import translated
from backend.recipes.metadata import ReadRecord, read
from backend.resolve.comments import without_comments
from backend.resolve.lora_tags import loras_in
from backend.resolve.wildcards import drawn
from backend.storage.styles import parse_styles
from tests.recipes.test_further import INPUTS
from tests.recipes.test_further_tools import INPUTS as TOOLS
from tests.recipes.test_sidecar import FILES
from ui.server.flags import parser_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("a1111", "comfyui", "invokeai", "fooocus")
FIELDS = described(MODES["txt2img"])
PARSER = parser_of(Path("data"))
TITLES = {told.title for told in FIELDS.values()}
ADVANCED = {told.title for told in FIELDS.values() if told.group == "advanced"}
LINE = "Steps: 8, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 256x256"
TEXT_FOLDERS = {"text_encoders", "clip"}  # looked into where a transformer needs them


def rows(page: str) -> dict[str, str]:
    """First cell and second of each row of a page's table."""
    found: dict[str, str] = {}
    for line in (DOCS / f"coming-from-{page}.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 2 and cells[0] not in ("there", "---"):
            found[cells[0]] = cells[1]
    return found


def folders(first: str, second: str) -> bool:
    names = [name.rsplit("/", 1)[-1].lower() for name in re.findall(r"`([^`]+)`", first)]
    return bool(names) and set(names) <= {*FOLDERS, *TEXT_FOLDERS}


def flags(first: str, second: str) -> bool:
    known = {flag for action in PARSER._actions for flag in action.option_strings}
    return set(re.findall(r"(--[a-z-]+)", second)) <= known


def two_folders(first: str, second: str) -> bool:
    args = PARSER.parse_args(["--models", "a", "--models", "b"])
    return args.models == [Path("a"), Path("b")]


def says(text: str, *words: str) -> Callable[[str, str], bool]:
    """That a record of such a text names these as left."""

    def look(first: str, second: str) -> bool:
        told = " ".join(parse_parameters(f"a house\n{LINE}, {text}").notes)
        return all(word in told for word in words)

    return look


def weighs(text: str) -> list[tuple[str, float]]:
    return [(run.text.strip(), round(run.weight, 3)) for section in parse(text) for run in section]


def prompts(first: str, second: str) -> bool:
    return (
        weighs("(word:1.2)") == [("word", 1.2)]
        and weighs("[word]") == [("word", round(1 / 1.1, 3))]
        and at_steps("[a:b:0.5]", 2) == ("a", "b")
        and at_steps("[a|b]", 2) == ("a", "b")
        and len(parse("a BREAK b")) == 2
    )


def tag(first: str, second: str) -> bool:
    several = loras_in("<lora:a:0.8> <lyco:b:te=0.1:unet=0.6>")
    return [(use.name, use.weight) for use in several.loras] == [("a", 0.8), ("b", 0.6)]


def styles(first: str, second: str) -> bool:
    sheet = parse_styles(b"name,prompt,negative_prompt\ngood,a,b\n,c,d\n")
    return len(sheet.styles) == 1 and len(sheet.left_out) == 1


def titled(*titles: str) -> Callable[[str, str], bool]:
    return lambda first, second: set(titles) <= TITLES and all(f"*{t}*" in second for t in titles)


def advanced(*titles: str) -> Callable[[str, str], bool]:
    return lambda first, second: set(titles) <= ADVANCED and all(f"*{t}*" in second for t in titles)


def shown_by(path: str, *names: str) -> Callable[[str, str], bool]:
    """Tests that do what the row says: they exist, and the suite runs them."""

    def look(first: str, second: str) -> bool:
        text = (DOCS.parent / "tests" / path).read_text(encoding="utf-8")
        return all(f"def {name}(" in text for name in names)

    return look


def read_right(*names: str) -> Callable[[str, str], bool]:
    """Those inputs of other tests are of the kind that the row speaks of."""
    return lambda first, second: set(names) <= {*INPUTS, *TOOLS}


def compel(first: str, second: str) -> bool:
    asked = re.findall(r"`([^`]+)`", first)
    made = [translated(text, "invokeai") for text in asked]
    return all(one.said and re.search(r"\(.+:[\d.]+\)", one.text) for one in made)


def calls(first: str, second: str) -> bool:
    said = translated('("a", "b").blend(0.7, 0.3) cat+', "invokeai").said
    return any(".blend()" in one for one in said) and {"Prompt B", "Mix in prompt B"} <= ADVANCED


def near(first: str, second: str) -> bool:
    pair, note = sampler_and_schedule("dpmpp_2m", "normal")
    exact, none = sampler_and_schedule("dpmpp_2m", "karras")
    ancestral, _ = sampler_and_schedule("euler_ancestral", None)
    return (
        (pair["schedule"], exact["schedule"], ancestral["sampler"])
        == ("model", "karras", "euler_a")
        and "nearest" in str(note)
        and none is None
    )


def sft(first: str, second: str) -> bool:
    return TRIED.name("a.sft") and "safetensors" in second


class Tried:
    """A folder of models, for what is listed."""

    def __init__(self) -> None:
        self.root = Path()

    def name(self, name: str) -> bool:
        (self.root / "checkpoints").mkdir(exist_ok=True)
        (self.root / "checkpoints" / name).write_bytes(b"")
        return name in [path.name for _, path, _ in candidates(self.root)]


TRIED = Tried()


def clip_skip(first: str, second: str) -> bool:
    info = {
        "positive_prompt": "a",
        "scheduler": "dpmpp_2m_k",
        "clip_skip": 1,
        "rand_device": "cuda",
    }
    found = _invoke(info)
    settings = found.settings
    return (
        (settings["clip_skip"], settings["sampler"], settings["schedule"])
        == (2, "dpmpp_2m", "karras")
    ) and "rand_device" in " ".join(found.notes)


def _invoke(told: dict[str, Any]) -> ReadRecord:
    info = PngImagePlugin.PngInfo()
    info.add_text("invokeai_metadata", json.dumps(told))
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "png", pnginfo=info)
    return read(stream.getvalue())


def rng(first: str, second: str) -> bool:
    return "RNG" in " ".join(parse_parameters(f"a\n{LINE}, RNG: NV").notes)


def by_chance(first: str, second: str) -> bool:
    texts = {"a {b|b} c": "a b c", "[[a, b]]": "[[a, b]]", "{2$$a|a}": "a, a"}
    made = {text: settings("txt2img", {"prompt": text, "seed": 1}) for text in texts}
    return {text: drawn(one, {}).prompt for text, one in made.items()} == texts


CONTROL = shown_by(
    "modes/test_style_transfer.py", "test_obedience_is_measured_and_kept_with_the_picture"
)
ENLARGED = shown_by(
    "modes/test_upscale.py", "test_drawn_again_it_is_img2img_of_the_enlarged_picture"
)
PAINTED = shown_by(
    "modes/test_img2img.py",
    *("test_outside_the_mask_the_upload_stays_bit_equal",),
    *("test_outpainting_adds_to_the_sides_and_keeps_the_picture",),
)
Try = Callable[[str, str], bool]
# First letters of a row's first cell -> what was tried.
TRIES: dict[str, dict[str, Try]] = {
    "a1111": {
        "`models/Stable-diffusion`": folders,
        "`embeddings`": two_folders,
        "`.ckpt`": shown_by(
            "models/test_convert.py", "test_code_in_it_does_not_run", "test_the_same_tensors"
        ),
        "a picture's *": read_right("no prompt at all"),
        "`styles.csv`": styles,
        "`<lora": tag,
        "`(word": prompts,
        "`AND`": shown_by("contracts/test_conditions.py", "test_the_parts_are_a1111s"),
        "`#`": lambda first, second: without_comments("# a\nb #c\nc#") == "b\nc#",
        "wildcards": by_chance,
        "X/Y/Z": lambda first, second: f"{MAX_CELLS} cells" in second,
        "Hires fix": lambda f, s: {"CLIP skip", "Variation seed", "Eta"} <= TITLES,
        "Tiling": titled("Seamless"),
        "Distilled": titled("Distilled guidance"),
        "ADetailer": says(
            "ADetailer model: face, Face restoration: CodeFormer, RP Active: True, Hypernet: x",
            *("ADetailer model", "Face restoration", "RP Active", "Hypernet"),
        ),
        "ControlNet": CONTROL,
        "Extras": ENLARGED,
        "`--api`": flags,
        "`--listen`": flags,
        "`--gradio-auth": shown_by(
            "ui/server/test_share.py",
            "test_several_people_as_a1111_writes_them_are_not_taken_for_one",
        ),
        "a picture's `.txt`": lambda f, s: "A1111" in FILES,
    },
    "comfyui": {
        "`models/checkpoints`": folders,
        "a picture with": read_right("ComfyUI: the workflow alone", "ComfyUI: NaN in its JSON"),
        "a workflow as": lambda f, s: {"ComfyUI's workflow", "ComfyUI's graph"} <= set(FILES),
        "`KSampler`": read_right(
            *("ComfyUI: two samplers by steps", "ComfyUI: an efficient loader"),
            *("ComfyUI: easy nodes and their pipe", "ComfyUI: a guider with a negative prompt"),
        ),
        "`FluxGuidance`": read_right("ComfyUI: Flux, in nodes of their own"),
        "a negative": read_right("ComfyUI: a zeroed negative prompt is none"),
        "`euler_ancestral`": near,
        "`(word:1.2)`": prompts,
        "`[word]`": lambda f, s: translated("[word]", "comfyui").text == r"\[word\]",
        "`embedding:name`": shown_by("models/text/test_embeddings.py", "test_names_stand_alone"),
        "two passes": shown_by(
            "recipes/readers/test_comfyui_graphs.py", "test_the_first_pass_is_the_one_that_counts"
        ),
        "a batch": shown_by(
            "modes/test_xyz_grid.py", "test_every_cell_is_the_picture_that_its_record_makes_alone"
        ),
        "nodes that": ENLARGED,
        "`.sft`": sft,
        "`.gguf`": lambda first, second: TRIED.name("a.gguf"),
    },
    "invokeai": {
        "models in": lambda first, second: TRIED.name("a.safetensors"),
        "*Recall": read_right(
            "InvokeAI 2: sd-metadata", "InvokeAI 1: a command", "InvokeAI 5: SDXL"
        ),
        "`word+`": compel,
        "`.and()`": calls,
        "scheduler": clip_skip,
        "CLIP skip": clip_skip,
        "CFG rescale": advanced("Rescale"),
        "guidance of": titled("Distilled guidance"),
        "seamless": advanced("Seamless"),
        "noise from": clip_skip,
        "unified": PAINTED,
        "boards": shown_by("ui/panels/test_history.py", "test_search_by_words_seed_and_day"),
        "control layers": CONTROL,
    },
    "fooocus": {
        "`models/checkpoints`": folders,
        "a picture with": read_right(
            *("Fooocus in A1111's words", "Fooocus: all its fields, and hashes", "RuinedFooocus"),
        ),
        "styles": lambda f, s: "styles" in TOOLS["Fooocus: all its fields, and hashes"].kept,
        "performance": lambda f, s: sampler_and_schedule("LCM", None)[0]["sampler"] == "lcm",
        "sharpness": lambda f, s: "sharpness" in TOOLS["Fooocus: all its fields, and hashes"].kept,
        "image prompt": lambda f, s: any(one.name == "canny" for one in DETECTORS),
        "vary": ENLARGED,
        "inpaint": PAINTED,
        "wildcards": by_chance,
        "log.html": shown_by("ui/panels/test_history.py", "test_search_by_words_seed_and_day"),
    },
}


@pytest.mark.parametrize("page", PAGES)
def test_each_row_was_tried(page: str, tmp_path: Path) -> None:
    TRIED.root = tmp_path
    told, tries = rows(page), TRIES[page]
    assert len(told) >= 10
    for first, second in told.items():
        fitting = [key for key in tries if first.startswith(key)]
        assert len(fitting) == 1, first
        assert tries[fitting[0]](first, second), first
    assert len(tries) == len(told)


def test_other_noise_is_told_of_a_record_that_names_it() -> None:
    assert rng("", "")
