"""What may change while a run goes on, and how settings note it."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import MODES, LoraMixSettings, Txt2ImgSettings, parse
from backend.contracts.settings.live import (
    LIVE,
    LiveChange,
    LiveFields,
    applied,
    changed,
    is_live,
    live_values,
)
from backend.contracts.settings.lora_tools import FootprintSettings

ROWS = [{"name": "ink", "weight": 0.5}, {"name": "neon", "weight": 1.0}]


def noted(*changes: dict[str, Any], mode: str = "txt2img", **values: Any) -> Any:
    return parse(mode, {"changes": list(changes), **values})


def test_changes_travel_as_json_and_are_left_out_where_there_are_none() -> None:
    assert "changes" not in Txt2ImgSettings().model_dump()
    rows = [
        {**ROWS[0], "weight": 0.9, "start": 0.0, "end": 1.0},
        {**ROWS[1], "start": 0.0, "end": 1.0},
    ]
    made = noted(
        {"step": 2, "field": "prompt", "value": "a boat"},
        {"step": 2, "field": "guidance_scale", "value": 5.5},
        {"stage": 1, "step": 0, "field": "loras", "value": rows},
        loras=ROWS,
    )
    told = made.model_dump(mode="json")
    assert told["changes"][0] == {"step": 2, "field": "prompt", "value": "a boat"}
    assert told["changes"][2] == {"stage": 1, "step": 0, "field": "loras", "value": rows}
    assert parse("txt2img", told) == made


def test_they_act_in_order() -> None:
    made = noted(
        {"step": 1, "field": "prompt", "value": "a boat"},
        {"step": 4, "field": "prompt", "value": "a tree"},
        {"step": 4, "field": "steer_scale", "value": 2.0},
        prompt="a house",
    )
    assert applied(made, made.changes[:1]).prompt == "a boat"
    last = applied(made, made.changes)
    assert (last.prompt, last.steer_scale, last.changes) == ("a tree", 2.0, ())
    assert made.prompt == "a house"
    with pytest.raises(BadInput, match="in the order of their steps"):
        noted(
            {"step": 4, "field": "prompt", "value": "a"},
            {"step": 1, "field": "prompt", "value": "b"},
        )


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("steps", 7, "'Steps' cannot be changed while the picture forms"),
        ("control_scale", 0.5, "cannot be changed while the picture forms"),
        ("guidance_scale", 99.0, "guidance_scale"),
        ("guidance_scale", "7", "guidance_scale"),
        ("steer", "purple", "steer"),
        ("loras", [{"name": "other"}], "nly the weights of LoRAs change"),
        ("loras", [ROWS[0]], "nly the weights of LoRAs change"),
    ],
)
def test_what_cannot_change_is_refused(field: str, value: Any, sentence: str) -> None:
    settings = parse("txt2img", {"loras": ROWS})
    with pytest.raises(BadInput, match=sentence):
        changed(settings, {field: value})
    with pytest.raises(BadInput, match=sentence):
        noted({"step": 1, "field": field, "value": value}, loras=ROWS)


def test_modes_that_cannot_be_changed_say_so() -> None:
    change = {"step": 0, "field": "prompt", "value": "a boat"}
    ladder = {"strengths": [0.3, 0.6]}
    assert isinstance(noted(change, mode="img2img"), LiveFields)
    for mode, values in (("img2img", ladder), ("lora_mix", {"compare": True, "loras": ROWS})):
        with pytest.raises(BadInput, match="leave 'changes' out"):
            noted(change, mode=mode, **values)
    live = {mode for mode, kind in MODES.items() if is_live(kind)}
    assert live == {"txt2img", "img2img", "style_transfer", "lora_mix"}


def test_a_footprint_is_of_the_run_as_it_was_asked_for() -> None:
    made = noted({"step": 1, "field": "prompt", "value": "a boat"}, loras=ROWS)
    assert FootprintSettings.of(made).changes == ()


def test_live_values_leave_out_what_the_model_decides() -> None:
    values = live_values(LoraMixSettings(prompt="a boat"))
    assert values["prompt"] == "a boat"
    assert "guidance_scale" not in values
    assert set(values) <= set(LIVE)


def test_a_change_knows_its_place() -> None:
    assert LiveChange(stage=1, step=3, field="prompt", value="x").place == (1, 3)
