"""LoRA tags in a prompt become rows, whoever's spelling they have."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import Txt2ImgSettings
from backend.resolve.prompt_loras import take_loras


@pytest.mark.parametrize(
    "tag", ["<lora:char/style:0.5>", "<lyco:char/style:0.5>", "<LoRA:char/style:0.5>"]
)
def test_a_tag_becomes_a_row(tag: str) -> None:
    settings = take_loras(Txt2ImgSettings(prompt=f"a house {tag}"))
    assert settings.prompt == "a house"
    assert [(use.name, use.weight) for use in settings.loras] == [("char/style", 0.5)]


def test_a_prompt_without_tags_stays_as_it_is() -> None:
    settings = Txt2ImgSettings(prompt=" a <lora house ")
    assert take_loras(settings) is settings


def test_a_tag_in_a_regions_prompt_is_a_row_of_that_region() -> None:
    asked = Txt2ImgSettings.model_validate(
        {
            "prompt": "a house <lora:ink:0.5>",
            "regions": [
                {"prompt": "a boat <lora:neon:0.3>", "loras": [{"name": "neon", "weight": 0.5}]},
                {"prompt": "a tree", "box": [0.0, 0.0, 0.5, 1.0]},
                {"prompt": "<lora:odd:x>", "on": False},
            ],
        }
    )
    made = take_loras(asked)
    assert [(use.name, use.weight) for use in made.loras] == [("ink", 0.5)]
    boat, tree, off = made.regions
    assert (boat.prompt, [(use.name, use.weight) for use in boat.loras]) == (
        "a boat",
        [("neon", 0.8)],
    )
    assert (tree, off) == asked.regions[1:]
    with pytest.raises(BadInput, match="could not be read"):
        take_loras(Txt2ImgSettings.model_validate({"regions": [{"prompt": "<lora:odd:x>"}]}))
