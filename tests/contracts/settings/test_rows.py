"""Frozen models, and the rows that settings hold."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from backend.contracts.settings import ControlUse, LoraUse, Template, Txt2ImgSettings
from backend.contracts.settings.rows import Frozen


class Thing(Frozen):
    count: int = 1
    share: float | None = None
    name: str = ""
    on: bool = True


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"count": "7"}, "must be a number, not text"),
        ({"count": True}, "must be a number, not text or a truth value"),
        ({"share": "0.5"}, "must be a number"),
        ({"share": float("inf")}, "finite number"),
        ({"share": float("nan")}, "finite number"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_text_for_numbers_and_unknown_names_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Thing.model_validate(values)


def test_numbers_text_and_truth_values_are_taken_where_they_belong() -> None:
    made = Thing.model_validate({"count": 7, "share": 1, "name": "a", "on": False})
    assert made == Thing(count=7, share=1.0, name="a", on=False)
    assert hash(made) == hash(Thing(count=7, share=1.0, name="a", on=False))
    with pytest.raises(ValidationError, match="frozen"):
        made.count = 8


def test_a_row_that_is_on_does_not_say_so() -> None:
    assert LoraUse(name="ink").model_dump() == {
        "name": "ink",
        "weight": 1.0,
        "start": 0.0,
        "end": 1.0,
    }
    off = LoraUse(name="ink", on=False)
    assert off.model_dump()["on"] is False
    assert LoraUse.model_validate(off.model_dump()) == off
    assert Txt2ImgSettings(loras=(off, LoraUse(name="neon"))).acting_loras == (
        LoraUse(name="neon"),
    )


@pytest.mark.parametrize("row", [LoraUse, ControlUse])
def test_a_row_acts_forwards(row: Any) -> None:
    assert row(name="x", start=0.5, end=0.5).start == 0.5
    with pytest.raises(ValidationError, match="start must not lie after end"):
        row(name="x", start=0.6, end=0.5)


@pytest.mark.parametrize(
    ("row", "values"),
    [
        (LoraUse, {"name": ""}),
        (LoraUse, {"name": "x", "weight": 10.5}),
        (LoraUse, {"name": "x", "on": 1}),
        (ControlUse, {"name": "x", "weight": -0.1}),
        (ControlUse, {"name": "x", "image": ""}),
        (Template, {"field": "", "text": "a"}),
    ],
)
def test_what_is_out_of_range_is_refused(row: Any, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        row.model_validate(values)
