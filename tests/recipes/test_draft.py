"""A record of another tool on its way to settings: all of it is checked together."""

from __future__ import annotations

from typing import Any

import pytest

from backend.recipes.draft import MAX_NOTES, MAX_UNREAD, Draft, LoraRow, number


def drafted(**values: Any) -> Draft:
    draft = Draft("a tool")
    for name, value in values.items():
        draft.put(name, value, f"'{name}: {value}'")
    return draft


def test_what_goes_together_is_kept_as_it_is() -> None:
    parsed = drafted(steps=9, sampler="ddim", schedule="model", eta=0.5, prompt="a house").settled()
    assert parsed.settings == {
        "steps": 9,
        "sampler": "ddim",
        "schedule": "model",
        "eta": 0.5,
        "prompt": "a house",
    }
    assert (parsed.tool, parsed.notes) == ("a tool", ())


@pytest.mark.parametrize(
    ("values", "left", "said"),
    [
        ({"steps": 0, "seed": 3}, {"seed": 3}, "'steps: 0' cannot be used here"),
        ({"width": 0, "height": 64, "seed": 3}, {"seed": 3}, "'width: 0' cannot be used here"),
        (
            {"sampler": "ddim", "schedule": "karras", "seed": 3},
            {"seed": 3},
            "cannot be used here",
        ),
        (
            {"guidance_start": 0.7, "guidance_end": 0.2, "seed": 3},
            {"guidance_end": 0.2, "seed": 3},
            "'guidance_start: 0.7' cannot be used here",
        ),
    ],
)
def test_what_does_not_go_is_left_out_and_said(
    values: dict[str, Any], left: dict[str, Any], said: str
) -> None:
    parsed = drafted(**values).settled()
    assert parsed.settings == left
    (note,) = parsed.notes
    assert said in note


def test_numbers_may_be_text_and_what_is_none_is_said() -> None:
    draft = Draft("a tool")
    draft.number("steps", int, "9", "Steps")
    draft.number("guidance_scale", float, "4.5", "CFG scale")
    draft.number("seed", int, "many", "Seed")
    draft.number("clip_skip", int, "", "Clip skip")
    assert draft.values == {"steps": 9, "guidance_scale": 4.5}
    assert draft.notes == ["'Seed: many' is not a number."]


@pytest.mark.parametrize(
    ("kind", "value", "made"),
    [
        (int, "7", 7),
        (int, 7.0, 7),
        (int, 7.5, None),
        (int, True, None),
        (int, None, None),
        (int, "7.0", None),
        (float, "0.5", 0.5),
        (float, [], None),
        (int, float("inf"), None),
    ],
)
def test_a_number_out_of_json_or_text(kind: Any, value: Any, made: Any) -> None:
    assert number(kind, value) == made


def test_rows_that_cannot_be_used_are_kept_unread() -> None:
    draft = Draft("a tool")
    draft.put_loras([LoraRow("ink", 0.5), LoraRow("wax", 99.0)])
    assert draft.values["loras"] == [{"name": "ink", "weight": 0.5}]
    assert draft.loras == [LoraRow("ink", 0.5)]
    assert draft.unread["LoRA"] == "wax: 99.0"


def test_what_has_no_counterpart_is_kept_and_said_once() -> None:
    draft = Draft("a tool")
    for key, value in (("Face", "GFPGAN"), ("empty", ""), ("none", None), ("Hat", [1])):
        draft.leave(key, value)
    parsed = draft.settled()
    assert parsed.unread == {"Face": "GFPGAN", "Hat": "[1]"}
    (note,) = parsed.notes
    assert "'Face: GFPGAN'" in note
    assert note.endswith("have no counterpart here.")


def test_notes_and_what_is_kept_are_bounded() -> None:
    draft = Draft("a tool")
    for place in range(2 * MAX_UNREAD):
        draft.leave(f"key {place}", "x" * 10_000)
        draft.number("seed", int, "?", f"Seed {place}")
    parsed = draft.settled()
    assert len(parsed.unread) == MAX_UNREAD
    assert max(map(len, parsed.unread.values())) == 4000
    assert len(parsed.notes) == MAX_NOTES + 2
    assert all(len(note) < 2000 for note in parsed.notes)


def test_a_large_seed_is_told() -> None:
    parsed = drafted(seed=2**40).settled()
    assert parsed.settings == {"seed": 2**40}
    assert "draws the picture of 0" in parsed.notes[0]
