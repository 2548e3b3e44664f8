"""What a field says about itself, and what is derived from it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from backend.contracts.fields import (
    affecting,
    choice_title,
    described,
    is_list,
    item_of,
    says,
    title_of,
    unsaid,
)
from backend.contracts.settings import MODES, LoraUse, MorphSettings, Txt2ImgSettings
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings


class Thing(BaseModel):
    plain: int = Field(1, description="A number.", json_schema_extra=says("noise"))
    told: str = Field(
        "a",
        title="What is told",
        json_schema_extra=says(
            "text",
            "start",
            group="advanced",
            unit="px",
            choices={"a": "the first"},
            a1111=("Told", "Told too"),
            axis=False,
        ),
    )
    rows: tuple[LoraUse, ...] = Field((), json_schema_extra=says("network"))
    numbers: tuple[float, ...] = Field((), json_schema_extra=says("start"))


def test_a_field_is_described_by_its_declaration() -> None:
    plain, told = described(Thing)["plain"], described(Thing)["told"]
    assert (plain.title, plain.hint, plain.affects) == ("Plain", "A number.", {"noise"})
    assert (plain.group, plain.unit, plain.choices, plain.a1111, plain.axis) == (
        "main",
        "",
        {},
        (),
        True,
    )
    assert (told.title, told.affects, told.group, told.unit) == (
        "What is told",
        {"text", "start"},
        "advanced",
        "px",
    )
    assert (told.choices, told.a1111, told.axis) == (
        {"a": "the first"},
        ("Told", "Told too"),
        False,
    )


def test_titles_belong_to_fields() -> None:
    assert title_of(Thing, "told") == "What is told"
    assert title_of(Thing, "not_there") == "Not there"
    assert choice_title(Thing, "told", "a") == "the first"
    assert choice_title(Thing, "plain", "a") == "a"
    assert choice_title(MorphSettings, "even", "off") == "off"
    assert choice_title(Txt2ImgSettings, "schedule", "model") == "model's own"


@pytest.mark.parametrize(
    "settings", [*MODES.values(), LoraPadSettings, FootprintSettings], ids=lambda cls: cls.mode
)
def test_every_field_says_what_it_affects(settings: type[BaseModel]) -> None:
    assert [name for name, told in described(settings).items() if not told.affects] == []


def test_a_key_has_what_affects_and_nothing_else() -> None:
    base = Txt2ImgSettings()
    changes: dict[str, dict[str, Any]] = {
        "clip_skip": {"clip_skip": 2},
        "model": {"model": "other"},
        "loras": {"loras": (LoraUse(name="ink"),)},
    }
    for change in changes.values():
        other = base.model_copy(update=change)
        assert affecting(base, "text") != affecting(other, "text")
    for change in ({"seed": 5}, {"prompt": "a"}, {"guidance_scale": 3.0}, {"batch_size": 4}):
        other = base.model_copy(update=change)
        assert affecting(base, "text", "network") == affecting(other, "text", "network")


def test_rows_that_are_off_affect_nothing() -> None:
    off = Txt2ImgSettings(loras=(LoraUse(name="ink", on=False),))
    assert affecting(off, "network") == affecting(Txt2ImgSettings(), "network")


def test_lists_are_told_with_their_items() -> None:
    fields = Thing.model_fields
    assert [name for name, info in fields.items() if is_list(info)] == ["rows", "numbers"]
    assert item_of(fields["rows"]) == dict[str, Any]
    assert item_of(fields["numbers"]) is float
    assert item_of(MODES["img2img"].model_fields["strengths"]) is float


def test_a_later_field_is_left_out_of_records_where_it_is_as_usual() -> None:
    class Grown(Thing):
        late: int = Field(3, json_schema_extra=says("noise", later=True))

    assert described(Grown)["late"].later
    assert not described(Grown)["plain"].later
    assert unsaid(Grown()) == ("late",)
    assert unsaid(Grown(late=4)) == ()
    assert "tiling" not in Txt2ImgSettings().model_dump(mode="json")
    assert Txt2ImgSettings(tiling="x").model_dump(mode="json")["tiling"] == "x"
