"""500 damaged records and headers: a sentence or settings each, never another error, in no time."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from backend.contracts.errors import BadInput, LoomError, ModelProblem
from backend.contracts.settings import parse
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.lora.file import inspect
from backend.models.text.embedding_header import inspect_embedding
from backend.recipes.a1111 import parse_parameters
from backend.recipes.metadata import from_texts, read

COUNT = 500
# Whose prompts are plain texts, into which the damage itself may have put anything.
WORDS = ("A1111", "Forge", "Civitai", "Latent Loom", "kohya's scripts", "Midjourney",
         "Easy Diffusion")  # fmt: skip
MOST_S = 6.0  # of a busy core; the largest has 1 MB, and what is not linear takes minutes
A1111 = (
    "a (red:1.2) {house} <lora:ink:0.5>\nNegative prompt: blurry\nSteps: 8, Sampler: DPM++ 2M, "
    'Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 256x256, Model: pocket, VAE: "a, b", '
    'Lora hashes: "ink: 00ff", Hires upscale: 2, Hires steps: 4, Denoising strength: 0.5, '
    'Civitai resources: [{"type":"lora","modelName":"x","weight":0.5}], Version: v1.10.1'
)
GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 4, "steps": 8, "cfg": 7, "denoise": 1,
          "sampler_name": "euler", "scheduler": "karras", "model": ["4", 0], "positive": ["6", 0],
          "negative": ["7", 0], "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a/b.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 256, "height": 256}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a house", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
}  # fmt: skip
RECORDS: list[dict[str, str]] = [
    {"parameters": A1111},
    {"prompt": json.dumps(GRAPH)},
    {"invokeai_metadata": json.dumps({"positive_prompt": "a", "steps": 8, "model": {"name": "m"},
                                      "loras": [{"lora": {"name": "x"}, "weight": 1}]})},
    {"parameters": json.dumps({"sui_image_params": {"prompt": "a", "loras": ["x"], "steps": 3}})},
    {"parameters": json.dumps({"base_model": "m", "resolution": "(256, 256)", "loras": [["a", 1]],
                               "sampler": "euler", "seed": "4"}), "fooocus_scheme": "fooocus"},
    {"Comment": json.dumps({"uc": "x", "steps": 3, "sampler": "k_euler"}), "Software": "NovelAI"},
    {"parameters": json.dumps({"c": "a", "scale": 3, "sampler": "Euler a", "size": "64x64",
                               "lora": [{"model": "x", "weight": 1}]})},
    {"parameters": json.dumps({"Prompt": "a", "software": "RuinedFooocus", "steps": 3,
                               "loras": [["00ff", "0.5 - x.safetensors"]]})},
    {"parameters": json.dumps({"extraMetadata": json.dumps({"prompt": "a", "steps": 3}),
                               "x": {"class_type": "A", "inputs": {}}})},
    {"prompt": "a", "seed": "4", "steps": "3", "scale": "7", "negative-prompt": "b"},
    {"prompt": "a", "num_inference_steps": "3", "use_stable_diffusion_model": "m",
     "use_lora_model": "['a', 'b']", "lora_alpha": "[1, 0.5]"},
    {"Description": "a --no b --ar 1:1 Job ID: 6a7c7c0f-3c46-4a3e-9a39-0e3c5f8a1b2c"},
    {"workflow": json.dumps({"nodes": [
        {"id": 3, "type": "KSampler", "widgets_values": [4, "fixed", 8, 7, "euler", "karras", 1],
         "inputs": [{"name": "positive", "link": 1}]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a house"]}],
        "links": [[1, 6, 0, 3, 1, "CONDITIONING"]]})},
    {"latent-loom": json.dumps({"schema": 1, "mode": "txt2img", "settings": {"prompt": "a"}})},
]  # fmt: skip


def damaged(text: str, chance: random.Random) -> str:
    """Letters lost, doubled, exchanged, or many of a kind put in."""
    for _ in range(chance.randint(1, 6)):
        at, width = chance.randrange(len(text) + 1), chance.choice((1, 1, 3, 20))
        piece = text[at : at + width]
        text = text[:at] + chance.choice(
            ("", piece * 3, chance.choice('{}[]":,<>()\\\n\0é\ud83d') * width, "9" * 40, "null",
             "[" * 300, '{"a":' * 100, "NaN", "-1e999", "Steps: " * 20, ", Key: v" * 50)
        ) + text[at + width :]  # fmt: skip
    return text


def bounded(work: Callable[[], object]) -> None:
    """Runs it; a sentence is as good as an answer."""
    began, said = time.thread_time(), "."
    try:
        work()
    except LoomError as error:
        said = str(error)
    assert said.strip().endswith((".", "…"))
    assert len(said) < 2000
    assert time.thread_time() - began < MOST_S


def test_records_that_were_damaged() -> None:
    chance = random.Random(28)
    for number in range(COUNT):
        texts = {k: damaged(v, chance) for k, v in RECORDS[number % len(RECORDS)].items()}

        def look(texts: dict[str, str] = texts) -> None:
            found = from_texts(texts)
            parse(found.mode, found.settings)
            assert all(note.strip() for note in found.notes)
            if found.tool not in WORDS:
                assert not str(found.settings.get("prompt", "")).lstrip().startswith('{"')

        bounded(look)


def test_files_that_were_damaged() -> None:
    chance = random.Random(29)
    whole: list[bytes] = []
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", A1111)
    info.add_itxt("prompt", json.dumps(GRAPH), zip=True)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + A1111.encode("utf-16-be")
    for kind, options in (
        ("png", {"pnginfo": info}), ("jpeg", {"exif": exif.tobytes(), "comment": A1111.encode()}),
        ("webp", {"exif": exif.tobytes()}), ("avif", {"exif": exif.tobytes()}),
        ("gif", {"comment": A1111.encode()}),
    ):  # fmt: skip
        stream = io.BytesIO()
        Image.new("RGB", (16, 16)).save(stream, kind, **options)
        whole.append(stream.getvalue())
    for number in range(COUNT):
        data = bytearray(whole[number % len(whole)])
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = bytes(data[: chance.choice((len(data), chance.randrange(len(data))))])
        bounded(lambda cut=cut: read(cut))


def test_headers_of_weights_that_were_damaged(tmp_path: Path) -> None:
    chance = random.Random(30)
    base = "lora_unet_down_blocks_0_attentions_0_proj_in"
    entry = {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}
    header = json.dumps({f"{base}.lora_down.weight": entry, f"{base}.lora_up.weight": entry,
                         f"{base}.dora_scale": entry, "bundle_emb.x.emb_params": entry,
                         "__metadata__": {"ss_tag_frequency": '{"a": {"b": 1}}'}})  # fmt: skip
    path = tmp_path / "x.safetensors"
    for _ in range(COUNT):
        text = damaged(header, chance).encode("utf-8", "surrogatepass")
        length = chance.choice((len(text), len(text), chance.randrange(2**40)))
        path.write_bytes(length.to_bytes(8, "little") + text + bytes(64))
        bounded(lambda: read_shapes(path))
        bounded(lambda: inspect_embedding(path))
        problem = inspect(path).problem
        assert problem is None or problem.endswith((".", ")"))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 2**20, "{" * 2**19, "(" * 2**19, '"' * 2**19, "Steps: 1, " * 2**16,
        "<lora:a" * 2**16, "\nSteps: " * 2**16, "Negative prompt: " * 2**15,
        "x\nSteps: 1, A: 1, B: 1" + ', C: "[' * 2**16,
    ],
    ids=range(9),
)  # fmt: skip
def test_a_megabyte_takes_no_time(text: str) -> None:
    bounded(lambda: parse_parameters(text[: 2**20]))


@pytest.mark.parametrize(
    "graph",
    [
        {str(n): {"class_type": "KSampler", "inputs": {"steps": 1, "latent_image": [str(n + 1), 0]}}
         for n in range(5000)},
        {str(n): {"class_type": "X", "inputs": {
            "positive": [str(n + 1), 0], "conditioning_2": [str(n + 2), 0],
            "clip": [str(n + 1), 0], "steps": 1, "cfg": 1, "sampler_name": "euler"}}
         for n in range(5000)},
        {str(n): {"class_type": "KSampler", "inputs": {
            "steps": 1, "conditioning": [str(n + 1), 0], "clip": [str(n + 1), 0],
            "text": [str(n + 1), 0], "string_a": [str(n + 1), 0], "string_b": [str(n + 1), 0]}}
         for n in range(5000)},
    ],
    ids=["passes", "sides", "texts"],
)  # fmt: skip
def test_a_graph_as_large_as_may_be_takes_no_time(graph: dict[str, object]) -> None:
    bounded(lambda: from_texts({"prompt": json.dumps(graph)}))


def test_a_damaged_record_is_a_bad_input_and_a_damaged_file_a_models_problem(
    tmp_path: Path,
) -> None:
    with pytest.raises(BadInput):
        from_texts({"parameters": " "})
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(ModelProblem):
        read_shapes(path)
