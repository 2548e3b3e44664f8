"""Pictures of other tools: what is read, what is kept; nothing foreign becomes a prompt."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from backend.contracts.errors import BadInput, LoomError
from backend.contracts.settings import parse
from backend.recipes.metadata import ReadRecord, from_texts, read

A1111 = (
    "a red house\nNegative prompt: blurry\n"
    "Steps: 8, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 42, Size: 256x256, Model: pocket"
)
COMMON = {
    "prompt": "a red house",
    "negative_prompt": "blurry",
    "steps": 8,
    "guidance_scale": 7.0,
    "seed": 42,
    "width": 256,
    "height": 256,
}
TEXT = COMMON | {"sampler": "dpmpp_2m", "schedule": "karras", "model": "pocket"}


def png(raw: dict[str, bytes] | None = None, **texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    for key, body in (raw or {}).items():
        info.add(b"tEXt", key.encode() + b"\0" + body)
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "png", pnginfo=info)
    return buffer.getvalue()


def found(**texts: Any) -> ReadRecord:
    """The record of texts, JSON where they are objects; its settings are valid."""
    plain = {k: v if isinstance(v, str) else json.dumps(v) for k, v in texts.items()}
    record = from_texts(plain)
    parse(record.mode, record.settings)
    return record


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif"])
def test_exif_of_other_formats_is_read(kind: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + A1111.encode("utf-16-be")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, kind, exif=exif.tobytes())
    assert read(buffer.getvalue()).settings == TEXT


@pytest.mark.parametrize("kind", ["jpeg", "gif"])
def test_comments_of_files_are_read(kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, kind, comment=A1111.encode())
    assert read(buffer.getvalue()).settings == TEXT


def test_text_chunks_are_utf8_before_latin1() -> None:
    japanese = A1111.replace("a red house", "赤い家 café – a red house")
    assert read(png({"parameters": japanese.encode()})).settings["prompt"].startswith("赤い家 café")
    latin = A1111.replace("house", "maison dorée")
    assert read(png({"parameters": latin.encode("latin-1")})).settings["prompt"].endswith("dorée")


@pytest.mark.parametrize(
    "behind",
    ["\nTemplate: a {red|blue} house\nNegative Template: blurry", "\n\nTime taken: 4.5 sec."],
)
def test_what_stands_behind_the_parameters_is_kept_and_is_no_prompt(behind: str) -> None:
    record = found(parameters=A1111 + behind)
    assert record.settings == TEXT
    assert record.extra["unread"]["behind the settings"] == behind.strip()
    assert any("Behind the settings" in note for note in record.notes)


def test_values_may_be_long_hold_lines_and_json() -> None:
    resources = '[{"type":"lora","weight":0.8,"modelName":"Steps: 99, \\"Seed\\": 7"}]'
    words = "very long prompt, " * 3000
    text = f'{A1111}, ADetailer prompt: "{words}", Civitai resources: {resources}, Clip skip: 2'
    record = found(parameters=text)
    drawn_with = [{"name": 'Steps: 99, "Seed": 7', "weight": 0.8}]
    assert record.settings == TEXT | {"clip_skip": 2, "loras": drawn_with}
    assert record.extra["unread"]["ADetailer prompt"] == words[:4000]
    assert found(parameters=A1111 + ', Note: "two\nlines", Clip skip: 2').settings["clip_skip"] == 2


@pytest.mark.parametrize("key", ["Eta", "Eta DDIM"])
def test_fields_are_checked_together(key: str) -> None:
    record = found(parameters=A1111.replace("DPM++ 2M Karras", "DDIM") + f", {key}: 0.5")
    assert (record.settings["eta"], record.settings["sampler"]) == (0.5, "ddim")
    assert record.notes == ()
    refused = found(parameters=A1111 + f", {key}: 0.5")
    assert "eta" not in refused.settings
    assert refused.settings["sampler"] == "dpmpp_2m"
    assert len(refused.notes) == 1


def test_tags_of_many_kinds() -> None:
    tags = (
        "a <lora:My Lora (v1.2) [x]:0.7> <lora:sub/dir/name:1> <lyco:bar:0.6> <LoRA:caps:0.5>"
        " <lora:te:te=0.5:unet=0.7> <lora:block:1:lbw=MIDD> <hypernet:baz:1>"
    )
    record = found(parameters=A1111.replace("a red house", tags))
    names = {lora["name"]: lora["weight"] for lora in record.settings["loras"]}
    assert names == {
        "My Lora (v1.2) [x]": 0.7,
        "sub/dir/name": 1.0,
        "bar": 0.6,
        "caps": 0.5,
        "te": 0.7,
        "block": 1.0,
    }
    assert record.settings["prompt"] == "a"
    assert record.extra["unread"] == {"further networks": "<hypernet:baz:1>"}
    assert {row.get("blocks") for row in record.settings["loras"]} == {None, "MIDD"}
    for word in ("te=0.5", "hypernet:baz"):
        assert any(word in note for note in record.notes), word


@pytest.mark.parametrize("text", ["None", " None ", ""])
def test_a_picture_without_settings_says_so(text: str) -> None:
    with pytest.raises(BadInput, match="no settings"):
        found(parameters=text)


def test_fooocus() -> None:
    record = found(
        fooocus_scheme="fooocus",
        parameters={
            "prompt": "a red house", "negative_prompt": "blurry", "full_prompt": ["x"], "steps": 8,
            "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "42",
            "resolution": "(256, 256)", "guidance_scale": 7.0, "base_model": "pocket.safetensors",
            "base_model_hash": "6ce0161689", "loras": [["ink.safetensors", 0.5, "ab"]],
            "performance": "Speed",
        },
    )  # fmt: skip
    assert record.tool == "Fooocus"
    assert record.settings == COMMON | {
        "sampler": "dpmpp_2m_sde",
        "schedule": "karras",
        "model": "pocket",
        "loras": [{"name": "ink", "weight": 0.5}],
    }
    assert record.model == {"name": "pocket", "hash": "6ce0161689"}
    assert record.extra["unread"] == {"performance": "Speed"}


def test_swarmui() -> None:
    record = found(
        parameters={
            "sui_image_params": {
                "prompt": "a red house", "negativeprompt": "blurry", "steps": 8, "seed": 42,
                "cfgscale": 7.0, "width": 256, "height": 256, "model": "sd/pocket.safetensors",
                "sampler": "euler_ancestral", "loras": ["ink", "neon"], "loraweights": ["0.5"],
                "zeronegative": True,
            },
            "sui_extra_data": {"date": "2026-01-01"},
        }
    )  # fmt: skip
    assert record.tool == "SwarmUI"
    assert record.settings == COMMON | {
        "sampler": "euler_a",
        "schedule": "model",
        "model": "sd/pocket",
        "loras": [{"name": "ink", "weight": 0.5}, {"name": "neon", "weight": 1.0}],
    }


def test_invokeai() -> None:
    record = found(
        invokeai_metadata={
            "generation_mode": "txt2img", "positive_prompt": "a red house",
            "negative_prompt": "blurry", "width": 256, "height": 256, "seed": 42, "cfg_scale": 7,
            "steps": 8, "scheduler": "dpmpp_2m_k", "clip_skip": 1,
            "model": {"key": "1", "name": "pocket"},
            "loras": [{"model": {"name": "ink"}, "weight": 0.75}], "seamless_x": True,
            "hrf_enabled": True,
        }
    )  # fmt: skip
    assert record.tool == "InvokeAI"
    assert record.settings == COMMON | {
        "sampler": "dpmpp_2m",
        "schedule": "karras",
        "clip_skip": 2,
        "model": "pocket",
        "loras": [{"name": "ink", "weight": 0.75}],
        "tiling": "x",
    }
    assert record.extra["unread"] == {"hrf_enabled": "True"}


def test_novelai() -> None:
    record = found(
        Software="NovelAI",
        Description="a {red} house",
        Comment={"steps": 8, "sampler": "k_euler_ancestral", "seed": 42, "scale": 7.0,
                 "uc": "blurry", "width": 256, "height": 256, "noise": 0.2},
    )  # fmt: skip
    assert record.settings == COMMON | {
        "prompt": "a {red} house",
        "sampler": "euler_a",
        "schedule": "model",
    }
    assert record.tool == "NovelAI"  # whose weights the page offers to translate


def test_draw_things_in_xmp() -> None:
    inner = json.dumps(
        {"c": "a red house", "uc": "blurry", "steps": 8, "scale": 7, "seed": 42,
         "sampler": "DPM++ 2M Karras", "size": "256x256", "model": "pocket.ckpt",
         "lora": [{"model": "ink.ckpt", "weight": 0.5}], "strength": 1}
    ).replace('"', "&quot;")  # fmt: skip
    packet = (
        '<x:xmpmeta><rdf:RDF><rdf:Description><exif:UserComment><rdf:Alt><rdf:li xml:lang="x">'
        f"{inner}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    record = read(png(**{"XML:com.adobe.xmp": packet}))
    assert record.tool == "Draw Things"
    assert record.settings == TEXT | {"loras": [{"name": "ink", "weight": 0.5}]}


GRAPH: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {
        "ckpt_name": "sd\\pocket.safetensors"}},
    "2": {"class_type": "LoraLoader", "inputs": {
        "lora_name": "ink.safetensors", "strength_model": 0.5, "strength_clip": 1,
        "model": ["1", 0], "clip": ["1", 1]}},
    "3": {"class_type": "LoraLoader", "inputs": {
        "lora_name": "neon.safetensors", "strength_model": 0.25, "model": ["2", 0]}},
    "4": {"class_type": "PrimitiveString", "inputs": {"value": "a red house"}},
    "5": {"class_type": "CLIPTextEncode", "inputs": {"text": ["4", 0], "clip": ["3", 1]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["3", 1]}},
    "7": {"class_type": "ConditioningSetArea", "inputs": {"conditioning": ["5", 0], "width": 9}},
    "8": {"class_type": "EmptyLatentImage", "inputs": {"width": 256, "height": 256}},
    "9": {"class_type": "KSampler", "inputs": {
        "seed": 42, "steps": 8, "cfg": 7.0, "sampler_name": "dpmpp_2m", "scheduler": "karras",
        "denoise": 1.0, "model": ["3", 0], "positive": ["7", 0], "negative": ["6", 0],
        "latent_image": ["8", 0]}},
    "10": {"class_type": "LatentUpscale", "inputs": {"samples": ["9", 0], "width": 512}},
    "11": {"class_type": "KSampler", "inputs": {
        "seed": 7, "steps": 4, "cfg": 2.0, "sampler_name": "euler", "scheduler": "normal",
        "denoise": 0.5, "model": ["3", 0], "positive": ["5", 0], "negative": ["6", 0],
        "latent_image": ["10", 0]}},
}  # fmt: skip
GRAPHS_SETTINGS = COMMON | {
    "sampler": "dpmpp_2m",
    "schedule": "karras",
    "model": "sd/pocket",
    "loras": [{"name": "ink", "weight": 0.5}, {"name": "neon", "weight": 0.25}],
}


def test_comfyuis_graph_is_followed_from_its_first_sampler() -> None:
    record = found(prompt=dict(reversed(GRAPH.items())), workflow={"nodes": []})
    assert record.tool == "ComfyUI"
    assert record.settings == GRAPHS_SETTINGS
    assert json.loads(record.extra["unread"]["workflow"]) == {"nodes": []}


def test_comfyuis_graph_elsewhere() -> None:
    assert found(parameters=GRAPH).settings == GRAPHS_SETTINGS
    assert found(parameters={"prompt": GRAPH, "extra": {}}).settings == GRAPHS_SETTINGS
    exif = Image.Exif()
    exif[0x0110] = "prompt:" + json.dumps(GRAPH)
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "webp", exif=exif)
    assert read(buffer.getvalue()).settings == GRAPHS_SETTINGS


@pytest.mark.parametrize(
    "texts",
    [
        {"prompt": {}, "workflow": {}},
        {"prompt": {"3": {"class_type": "KSampler", "inputs": {"seed": 42, "steps": 8}}}},
        {"prompt": {"3": {"class_type": "KSampler", "inputs": {"steps": 8, "positive": ["3", 0]}}}},
        {"parameters": {"some": "tool", "prompt": "a red house"}},
        {"parameters": {"sui_image_params": {"steps": "many", "loras": [1, None], "seed": [2]}}},
        {"parameters": {"base_model": 7, "resolution": "(1,", "loras": "x"}},
    ],
)
def test_json_never_becomes_a_prompt(texts: dict[str, Any]) -> None:
    record = found(**texts)
    assert "prompt" not in record.settings or "{" not in record.settings["prompt"]
    assert record.notes


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-5, 10**20) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*"cs", "inputs", "class_type", "scale", "seed", "text"]), inner
        )
    ),
    max_leaves=12,
)


@given(
    key=st.sampled_from(["parameters", "prompt", "invokeai_metadata", "Comment", "workflow"]),
    values=st.dictionaries(
        st.sampled_from(
            ["c", "uc", "scale", "sampler", "seed", "steps", "size", "model", "loras", "lora",
             "sui_image_params", "base_model", "resolution", "positive_prompt", "clip_skip",
             "width", "height", "1", "2"]
        ),
        junk,
    ),
)  # fmt: skip
def test_no_record_breaks_a_reader(key: str, values: dict[str, Any]) -> None:
    try:
        record = from_texts({key: json.dumps(values)})
    except LoomError:
        return
    parse(record.mode, record.settings)
