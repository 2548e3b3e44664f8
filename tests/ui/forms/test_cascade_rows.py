"""The rows of further stages: their text, and what is told of the models."""

from __future__ import annotations

import pytest

from backend.contracts.capabilities import Capabilities, Enlarging
from backend.contracts.errors import BadInput
from backend.contracts.library import Library, ModelEntry
from backend.contracts.settings import parse
from ui.forms.cascade_rows import read_rows, stages_of, write_rows

FIRST = ModelEntry("one", cascade=("two",))
SECOND = ModelEntry(
    "two",
    title="Second",
    guidance_scale=4.0,
    can=Capabilities(steps=50, enlarges=Enlarging(4, 250, 999)),
)
BROKEN = ModelEntry("cut", problem="Damaged.", can=Capabilities(enlarges=Enlarging()))
LIBRARY = Library(models=(FIRST, SECOND, BROKEN), samplers={})


def test_text_and_settings_are_the_same_thing() -> None:
    text = '[{"model":"two","steps":6,"noise_level":90},{"model":"x4","on":false}]'
    kept = parse("txt2img", read_rows(text)).model_dump(mode="json")
    assert [row["model"] for row in kept["stages"]] == ["two", "x4"]
    assert write_rows(kept, FIRST) == text
    assert read_rows("") == {"stages": []}
    assert write_rows({}, FIRST) == ""


def test_a_records_factor_does_not_stay_in_the_form() -> None:
    rows = {"stages": [{"model": "two", "factor": 4, "guidance_scale": 4.0, "on": True}]}
    assert write_rows(rows, FIRST) == '[{"model":"two","guidance_scale":4.0}]'


@pytest.mark.parametrize("text", ["two", "{}", "[1]", "[" * 9999, "[]" + " " * 60_000])
def test_what_is_no_row_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="could not be read"):
        read_rows(text)


def test_what_there_is_and_what_it_recommends() -> None:
    told = stages_of(LIBRARY, "one")
    assert told["own"] == ["two"]
    assert told["stages"] == [
        {
            "name": "two",
            "title": "Second",
            "steps": 50,
            "guidance_scale": 4.0,
            "noise_level": 250,
            "most_noise": 999,
            "factor": 4,
        }
    ]
    assert stages_of(LIBRARY, "gone")["own"] == []
