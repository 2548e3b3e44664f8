"""LoRA tags of a prompt, moved to the rows."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import LoraUse, Txt2ImgSettings
from backend.resolve.prompt_loras import take_loras


def test_a_prompt_without_tags_stays_as_it_is() -> None:
    settings = Txt2ImgSettings(prompt="a boat (lora:1.2)")
    assert take_loras(settings) is settings


def test_tags_add_to_the_rows_and_wake_those_that_are_off() -> None:
    made = take_loras(
        Txt2ImgSettings(
            prompt="a boat <lora:ink:0.5> <lora:oil>",
            loras=(LoraUse(name="ink", weight=0.25), LoraUse(name="oil", weight=2.0, on=False)),
        )
    )
    assert made.prompt == "a boat"
    assert [(use.name, use.weight, use.on) for use in made.loras] == [
        ("ink", 0.75, True),
        ("oil", 1.0, True),
    ]


def test_a_weight_beyond_the_range_is_refused() -> None:
    settings = Txt2ImgSettings(prompt="<lora:ink:10>", loras=(LoraUse(name="ink"),))
    with pytest.raises(BadInput, match="less than or equal to 10"):
        take_loras(settings)
