"""A field describes itself once: title, choices, range and unit."""

from __future__ import annotations

from backend.contracts.settings import StyleTransferSettings, Txt2ImgSettings
from ui.server.schema import choices_of, field_schema, hint


def test_what_may_be_left_out_is_described_as_what_it_is() -> None:
    schema = field_schema(Txt2ImgSettings, "guidance_scale")
    assert schema["type"] == "number"
    assert schema["default"] is None
    assert "anyOf" not in schema
    assert schema["title"] == "Guidance"


def test_choices_are_shown_by_their_titles() -> None:
    assert choices_of({"enum": ["a", "b"], "choices": {"a": "The first"}}) == [
        ("The first", "a"),
        ("b", "b"),
    ]
    modes = choices_of(field_schema(StyleTransferSettings, "control_mode"))
    assert len({title for title, _ in modes}) == len(modes) > 1


def test_a_hint_has_the_range_and_the_unit_where_a_person_can_use_them() -> None:
    told = {"description": "How far.", "type": "number", "minimum": 0, "maximum": 2.5}
    assert hint(told) == "How far. 0 to 2.5."
    assert hint(told | {"unit": "px"}) == "How far. 0 to 2.5 px."
    assert hint(told | {"maximum": 2**64}) == "How far."
    assert hint({"description": "Words.", "type": "string", "minimum": 0, "maximum": 5}) == "Words."
    assert hint({}) == ""
