"""Each caller has a desk of its own, and not too many are kept."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from backend.contracts.errors import LoomError
from ui.sdapi.access import Caller
from ui.sdapi.desks import MAX_DESKS, Desks


def asked(owner: str, *, alike: bool = False) -> Request:
    request = Request({"type": "http", "headers": []})
    request.state.caller = Caller(owner, alike)
    return request


def test_choices_are_a_callers_own_and_stay() -> None:
    desks = Desks({"a": 1})
    desks.steered(asked("one")).options["a"] = 2
    assert desks.of(asked("one")).options == {"a": 2}
    assert desks.of(asked("two")).options == {"a": 1}


def test_callers_who_look_alike_share_nothing_and_steer_nothing() -> None:
    desks = Desks({"a": 1})
    desks.of(asked("one", alike=True)).running.append("token")
    assert desks.of(asked("one", alike=True)).running == []
    with pytest.raises(LoomError, match=r"NAME\+WORD"):
        desks.steered(asked("one", alike=True))


def test_idle_desks_go_and_busy_ones_stay() -> None:
    desks = Desks({"a": 1})
    busy = desks.of(asked("busy"))
    busy.running.append("token")
    desks.of(asked("idle")).options["a"] = 2
    for number in range(MAX_DESKS):
        desks.of(asked(str(number)))
    assert desks.of(asked("busy")) is busy
    assert desks.of(asked("idle")).options == {"a": 1}


def test_an_account_with_many_words_takes_no_others_desk() -> None:
    desks = Desks({"a": 1})
    desks.of(asked("sdapi/@bob@1.2.3.4")).options["a"] = 2
    for number in range(2 * MAX_DESKS):
        desks.of(asked(f"sdapi/@eve+{number}"))
    assert desks.of(asked("sdapi/@bob@1.2.3.4")).options == {"a": 2}
