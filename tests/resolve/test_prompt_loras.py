"""LoRA tags in a prompt become rows, whoever's spelling they have."""

from __future__ import annotations

import pytest

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
