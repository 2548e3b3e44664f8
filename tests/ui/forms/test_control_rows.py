"""The rows of several ControlNets: their text, and what is told of those that fit."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.library import ControlNetEntry, Library, ModelEntry
from backend.contracts.settings import StyleTransferSettings, parse
from ui.forms.control_rows import MOST, controls_of, read_rows, write_rows

CARD = ModelEntry("one")
LIBRARY = Library(
    models=(CARD,),
    samplers={},
    controlnets=(
        ControlNetEntry("lines", detectors=("lineart", "lineart_standard"), fits=("one",)),
        ControlNetEntry("any", fits=("one", "two")),
        ControlNetEntry("other", detectors=("canny",), fits=("two",)),
        ControlNetEntry("broken", problem="Damaged.", fits=("one",)),
    ),
)


def test_text_and_settings_are_the_same_thing() -> None:
    text = (
        '[{"name":"lines","image":"image","detector":"lineart","weight":0.5},'
        '{"name":"any","start":0.2,"end":0.7}]'
    )
    kept = parse("style_transfer", read_rows(text)).model_dump(mode="json")
    assert [row["name"] for row in kept["controls"]] == ["lines", "any"]
    assert write_rows(kept, CARD) == text
    assert read_rows("") == {"controls": []}
    assert write_rows({}, CARD) == ""


def test_what_is_used_as_it_is_is_written_as_before() -> None:
    kept = StyleTransferSettings.model_validate({"controls": [{"name": "any"}]}).model_dump()
    assert set(kept["controls"][0]) == {"name", "image", "weight", "start", "end"}


@pytest.mark.parametrize("text", ["any", "{}", "[1]", "[" * 9999, "[]" + " " * 20_000])
def test_what_is_no_row_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="could not be read"):
        read_rows(text)


def test_those_that_fit_are_offered_with_what_they_take() -> None:
    told = controls_of(LIBRARY, "one")
    assert told["nets"] == [
        {"name": "lines", "detector": "lineart"},
        {"name": "any", "detector": "identity"},
    ]
    assert ["canny", "Edges (Canny)"] in told["detectors"]
    assert controls_of(LIBRARY, "gone")["nets"] == []
    info = StyleTransferSettings.model_fields["controls"]
    assert any(getattr(bound, "max_length", None) == MOST for bound in info.metadata)
