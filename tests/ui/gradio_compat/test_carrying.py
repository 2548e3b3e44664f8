"""Values that travel as one are opened with care: the page may send anything."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from ui.gradio_compat.carrying import unpacked


def test_what_was_gathered_comes_out_by_name() -> None:
    sent = {"values": {"prompt": "a boat", "steps": 3}, "event": {"job": "x"}}
    assert unpacked(sent) == ({"prompt": "a boat", "steps": 3}, {"job": "x"})
    assert unpacked({"values": {"a": 1}}) == ({"a": 1}, {})


@pytest.mark.parametrize("sent", [None, "text", 7, [], {}, {"values": []}, {"event": "x"}])
def test_anything_else_is_nothing(sent: Any) -> None:
    assert unpacked(sent) == ({}, {})


def test_a_value_that_was_not_sent_is_asked_for_by_a_sentence() -> None:
    with pytest.raises(BadInput, match="The form did not send 'steps'; reload the page"):
        unpacked({"values": {"prompt": "a boat"}})[0]["steps"]
