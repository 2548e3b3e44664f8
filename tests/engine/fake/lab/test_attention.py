"""The stand-in's looking."""

from __future__ import annotations

from backend.contracts.lab.words import Attended, AttentionSettings
from backend.contracts.requests import Request
from backend.engine.fake.lab.attention import SIDE, look, strip


def test_it_looks_after_its_last_step() -> None:
    settings = AttentionSettings(prompt="a boat", steps=3, width=64, height=64, seed=1)
    *before, last = look(Request(settings))
    assert len(before) == 3
    assert isinstance(last.facts, Attended)
    assert last.facts.words == ("a", "boat")
    assert set(last.outputs[0].views) == {"word-0", "word-1"}
    assert strip(0, 2, 3).shape == (SIDE, 3 * SIDE, 3)
