"""Differences of recipes in words."""

from __future__ import annotations

import pytest

from backend.contracts.settings import LoraUse, Settings, Txt2ImgSettings
from ui.forms.settings_words import differences, text_difference


def told(a: Settings, b: Settings) -> list[str]:
    return differences(a.mode, a.model_dump(mode="json"), b.mode, b.model_dump(mode="json"))


def test_what_differs_is_named_with_both_values() -> None:
    a = Txt2ImgSettings(prompt="a red house", guidance_scale=4, seed=3)
    b = Txt2ImgSettings(prompt="a blue house", guidance_scale=7, seed=3, sampler="euler", width=64)
    assert told(a, b) == [
        "prompt: ‘red’ → ‘blue’",
        "sampler DPM++ 2M → Euler",
        "guidance 4 → 7",
        "width the model's own → 64",
        "seed the same",
    ]
    assert told(a, a) == ["seed the same"]


def test_a_variation_seed_counts_only_where_it_acts() -> None:
    plain, other = Txt2ImgSettings(variation_seed=1), Txt2ImgSettings(variation_seed=2)
    assert told(plain, other) == ["seed the same"]
    leaning = Txt2ImgSettings(variation_seed=2, variation_strength=0.5)
    assert told(plain, leaning) == [
        "seed the same",
        "variation seed 1 → 2",
        "variation strength 0 → 0.5",
    ]


def test_loras_are_told_by_name() -> None:
    a = Txt2ImgSettings(loras=(LoraUse(name="ink", weight=0.5), LoraUse(name="oil")))
    b = Txt2ImgSettings(
        loras=(
            LoraUse(name="neon", weight=0.25),
            LoraUse(name="ink", weight=1.0, end=0.5, on=False),
        )
    )
    assert told(a, b) == [
        "seed the same",
        "LoRA ink 0.5 → 1",
        "LoRA ink end 1 → 0.5",
        "LoRA ink on → off",
        "without LoRA oil",
        "with LoRA neon at 0.25",
    ]


def test_modes_are_told_and_what_one_lacks_is_passed_over() -> None:
    assert differences("txt2img", {"seed": 1}, "lora_mix", {"seed": 1, "compare": True}) == [
        "tab txt2img → lora mix",
        "seed the same",
    ]


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("a house", "a house at night", "with ‘at night’"),
        ("a house in fog", "a house", "without ‘in fog’"),
        ("", "a house", "nothing → ‘a house’"),
        ("one two", "three four", "‘one two’ → ‘three four’"),
        ("a  house", "a house", "‘a  house’ → ‘a house’"),
        ("x" * 500, "y", f"‘{'x' * 159}…’ → ‘y’"),
    ],
)
def test_prompts_word_by_word(a: str, b: str, words: str) -> None:
    assert text_difference(a, b) == words
