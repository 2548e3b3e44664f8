"""The `parameters` text: written, read back, and read as other tools write it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.contracts.errors import BadInput
from backend.contracts.events import Record
from backend.contracts.settings import Txt2ImgSettings, parse
from backend.recipes.a1111 import MAX_TEXT_CHARS, parameters_text, parse_parameters
from backend.recipes.a1111_names import sampler_and_schedule
from tests.samplers import SCHEDULES_OF

A1111 = """masterpiece, (a house:1.2), <lora:ink:0.8>, [fog]
on a hill <lora:more>
Negative prompt: blurry, "bad"
text
Steps: 25, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 6.5, Seed: 3141592653, \
Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Variation seed: 7, \
Variation seed strength: 0.25, Clip skip: 2, Denoising strength: 0.7, Hires upscale: 2, \
Lora hashes: "ink: 0123456789ab, more: ba9876543210", \
ControlNet 0: "Module: canny, Model: control_canny [abc], Weight: 1", Version: v1.10.1"""


def record(**changes: Any) -> Record:
    settings = Txt2ImgSettings(
        **{
            "width": 256,
            "height": 256,
            "guidance_scale": 4.0,
            "seed": 5,
            "variation_seed": 6,
            "model": "pocket",
            **changes,
        }
    )
    return Record("txt2img", settings.model_dump(mode="json"), {"name": "pocket", "hash": "ab12"})


def test_a_picture_of_a1111_is_read() -> None:
    parsed = parse_parameters(A1111)
    assert parsed.settings == {
        "prompt": "masterpiece, (a house:1.2),, [fog]\non a hill",
        "negative_prompt": 'blurry, "bad"\ntext',
        "steps": 25,
        "sampler": "dpmpp_2m_sde",
        "schedule": "karras",
        "guidance_scale": 6.5,
        "seed": 3141592653,
        "width": 512,
        "height": 768,
        "model": "v1-5-pruned-emaonly",
        "variation_seed": 7,
        "variation_strength": 0.25,
        "clip_skip": 2,
        "loras": [{"name": "ink", "weight": 0.8}, {"name": "more", "weight": 1.0}],
        "hires_scale": 2.0,
        "hires_denoise": 0.7,
        "hires_upscaler": "latent",
    }
    assert parsed.model == {"name": "v1-5-pruned-emaonly", "hash": "6ce0161689"}
    assert [note.split(":")[0] for note in parsed.notes] == [
        "'ControlNet 0",
    ]
    parse("txt2img", parsed.settings)


def test_our_text_is_the_fields_text() -> None:
    text = parameters_text(
        record(
            prompt="a house,\na tree",
            negative_prompt="fog",
            sampler="euler_a",
            schedule="model",
            clip_skip=2,
            loras=[{"name": "ink", "weight": 0.5}],
        )
    )
    assert text.split("\n") == [
        "a house,",
        "a tree <lora:ink:0.5>",
        "Negative prompt: fog",
        "Steps: 20, Sampler: Euler a, Schedule type: Uniform, CFG scale: 4, Seed: 5, "
        "Size: 256x256, Model hash: ab12, Model: pocket, Clip skip: 2, RNG: CPU, "
        "Version: Latent Loom",
    ]


def test_values_with_separators_are_quoted() -> None:
    odd = 'a, b: "c"\\n'
    made = Record(
        "txt2img",
        {**record().settings, "model": odd},
        {"name": odd, "hash": ""},
        {"lora_hashes": {"ink": "0123456789abcdef", "wax": "f" * 64}},
    )
    text = parameters_text(made)
    assert 'Lora hashes: "ink: 0123456789ab, wax: ffffffffffff"' in text
    assert parse_parameters(text).settings["model"] == odd


# The format itself drops spaces at the ends of lines, and gives meaning to some of its words.
prompts = (
    st.text(
        st.characters(codec="utf-8", exclude_characters="\0\r\n<", exclude_categories=["Cs", "Zs"]),
        max_size=60,
    )
    .map(str.strip)
    .filter(lambda text: not text.startswith("Negative prompt:"))
)
pairs = st.sampled_from([(s, c) for s, names in SCHEDULES_OF.items() for c in names])


@given(
    prompt=prompts,
    negative=prompts,
    pair=pairs,
    steps=st.integers(1, 150),
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(0, 30),
    skip=st.integers(1, 12),
    size=st.integers(8, 256),
    strength=st.floats(0.01, 1),
    loras=st.lists(st.tuples(st.sampled_from(["ink", "wax 2", "ä,b"]), st.floats(-10, 10))),
)
def test_what_is_written_is_read_back(
    prompt: str,
    negative: str,
    pair: tuple[str, str],
    steps: int,
    seed: int,
    scale: float,
    skip: int,
    size: int,
    strength: float,
    loras: list[tuple[str, float]],
) -> None:
    settings = {
        "prompt": prompt,
        "negative_prompt": negative,
        "sampler": pair[0],
        "schedule": pair[1],
        "steps": steps,
        "seed": seed,
        "guidance_scale": scale,
        "width": 8 * size,
        "clip_skip": skip,
        "variation_seed": 9,
        "variation_strength": strength,
        "height": 64,
        "loras": [{"name": name, "weight": weight} for name, weight in loras],
    }
    made = record(**settings)
    parsed = parse_parameters(parameters_text(made))
    assert parsed.notes == ()
    assert parse("txt2img", parsed.settings) == parse("txt2img", made.settings)


@given(st.text(max_size=300) | st.text(st.sampled_from(':,"\\ \nSteps<lora>x1'), max_size=300))
def test_no_text_breaks_the_parser(text: str) -> None:
    parse("txt2img", parse_parameters(text).settings)


@pytest.mark.parametrize(
    ("line", "is_parameters"),
    [
        ("Steps: 5, Seed: 1, CFG scale: 7", True),
        ("Steps: 5, Seed: 1", False),
        ("a poster, title: fog, subtitle: rain", False),
    ],
)
def test_the_last_line_counts_only_with_three_parameters(line: str, is_parameters: bool) -> None:
    settings = parse_parameters(f"a house\n{line}").settings
    assert ("steps" in settings) == is_parameters
    assert settings["prompt"] == ("a house" if is_parameters else f"a house\n{line}")


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours", "noted"),
    [
        ("DPM++ 2M", "Karras", ("dpmpp_2m", "karras"), False),
        ("DPM++ 2M", "Automatic", ("dpmpp_2m", "karras"), False),
        ("DPM++ 2M SDE", "Automatic", ("dpmpp_2m_sde", "exponential"), False),
        ("DPM++ 2M Karras", None, ("dpmpp_2m", "karras"), False),
        ("DPM++ 2M", None, ("dpmpp_2m", "model"), False),
        ("Euler a", "Automatic", ("euler_a", "model"), False),
        ("Euler a", "Karras", ("euler_a", "model"), True),
        ("Euler", "SGM Uniform", ("euler", "trailing"), False),
        ("Euler", "Align Your Steps", ("euler", "ays"), False),
        ("Euler", "Beta", ("euler", "model"), True),
        ("Euler", "Simple", ("euler", "model"), True),
        ("LMS Karras", None, ("lms", "karras"), False),
        ("DDIM", "DDIM", ("ddim", "model"), False),
        ("UniPC", "Uniform", ("unipc", "model"), False),
        ("Heun", "Exponential", ("heun", "exponential"), False),
        ("LCM", "Automatic", ("lcm", "model"), False),
        ("DPM++ 2M SDE Heun", "Karras", ("dpmpp_2m_sde", "karras"), True),
    ],
)
def test_sampler_names(
    sampler: str, schedule: str | None, ours: tuple[str, str], noted: bool
) -> None:
    pair, note = sampler_and_schedule(sampler, schedule)
    assert (pair["sampler"], pair["schedule"]) == ours
    assert (note is not None) == noted


def test_what_cannot_be_mapped_is_said() -> None:
    parsed = parse_parameters(
        "x <lora:a:b> <lora:c:1:0.5>\nSteps: many, Sampler: DPM adaptive, CFG scale: 99, "
        "Seed: 5000000000, Size: 512 by 512, Face restoration: GFPGAN, Clip skip: nan"
    )
    assert parsed.settings == {
        "prompt": "x",
        "negative_prompt": "",
        "loras": [{"name": "c", "weight": 1.0}],
        "seed": 5000000000,  # whole; its note says which picture that is
    }
    for word in (
        "lora:a:b",
        "lora:c:1:0.5",
        "many",
        "DPM adaptive",
        "99",
        "5000000000",
        "512 by 512",
        "GFPGAN",
        "Clip skip",
    ):
        assert any(word in note for note in parsed.notes), word


def test_a_size_off_the_grid_is_read_and_left_to_the_model() -> None:
    """Which sides a model draws is the model's to say: `resolve` refuses, by a sentence."""
    parsed = parse_parameters("x\nSteps: 5, Seed: 1, Size: 513x512")
    assert (parsed.settings["width"], parsed.settings["height"]) == (513, 512)


@pytest.mark.parametrize("part", [" ", "<lora:", "(", 'a:"', "a:", ":::", '"\\'])
def test_no_text_takes_long(part: str) -> None:
    began = time.process_time()
    text = part * (19_000 // len(part))
    parse_parameters("x" + text + ">\n" + text)
    parse_parameters("x" + part * (200_000 // len(part)) + "y\nx")
    assert time.process_time() - began < 2


def test_notes_and_text_are_bounded() -> None:
    many = ", ".join(f"Key {n}: {n}" for n in range(500))
    (note,) = parse_parameters("x\n" + many).notes
    assert note.endswith("'Key 11: 11' and 488 more have no counterpart here.")
    bad = " ".join(f"<lora:a{n}:x>" for n in range(500))
    assert len(parse_parameters(f"{bad}\n{many}").notes) == 32
    with pytest.raises(BadInput, match="too long"):
        parse_parameters("x" * (MAX_TEXT_CHARS + 1))


HIRES = {"hires_scale": 2.0, "hires_denoise": 0.55, "hires_steps": 12, "hires_upscaler": "lanczos"}


def test_hires_fix_is_written_and_read() -> None:
    settings = Txt2ImgSettings.model_validate({"prompt": "x", "seed": 1} | HIRES)
    text = parameters_text(Record("txt2img", settings.model_dump(mode="json"), {}))
    assert "Denoising strength: 0.55, Hires upscale: 2, Hires steps: 12" in text
    assert "Hires upscaler: Lanczos" in text
    parsed = parse_parameters(text)
    assert {key: parsed.settings[key] for key in HIRES} == HIRES
    assert not parsed.notes
    off = parameters_text(Record("txt2img", Txt2ImgSettings().model_dump(mode="json"), {}))
    assert "Hires" not in off
    assert "Denoising" not in off


def test_an_upscaler_keeps_its_name_whether_it_is_here_or_not() -> None:
    parsed = parse_parameters(
        "a cat\nSteps: 20, Seed: 1, Size: 512x512, Denoising strength: 0.4, Hires upscale: 1.5, "
        "Hires upscaler: R-ESRGAN 4x+"
    )
    assert parsed.settings["hires_upscaler"] == "R-ESRGAN 4x+"
    assert parsed.settings["hires_denoise"] == 0.4
    assert parsed.notes == ()
    settings = Txt2ImgSettings.model_validate(parsed.settings | {"hires_upscaler": "sharp"})
    text = parameters_text(Record("txt2img", settings.model_dump(mode="json"), {}))
    assert parse_parameters(text).settings["hires_upscaler"] == "sharp"
