"""The conditions of a step: one for each part of its words, mixed with the second prompt's."""

from __future__ import annotations

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.text.conditioning import Conditioning
from backend.modes.conditioned import conditioned
from backend.modes.prompt_timeline import Words

VALUES = {"a": 1.0, "b": 2.0, "x": 11.0, "y": 22.0, "": 0.0}


def encode(prompt: str) -> Conditioning:
    return Conditioning(torch.full((1, 2, 3), VALUES[prompt]), torch.zeros(1, 2, 3))


def found(prompt: str, other: str = "", mix: float = 0.0) -> list[tuple[float, object]]:
    told = conditioned(Words(prompt, "", other), mix, encode)
    return [(float(one.conditioning.context[0, 0, 0]), one.share) for one in told]


def test_each_part_is_embedded_by_itself() -> None:
    assert found("a") == [(1.0, 1.0)]
    assert found("a AND b :0.25") == [(1.0, 1.0), (2.0, 0.25)]


def test_the_second_prompt_is_mixed_part_by_part() -> None:
    assert found("a AND b", "x AND y :0.5", 0.5) == [(6.0, 1.0), (12.0, 0.75)]
    assert found("a AND b :0.5", "x", 1.0) == [(11.0, 1.0), (11.0, 1.0)]
    assert found("a", "x", 0.3)[0][1] == 1.0  # exactly, so that it stays plain guidance
    with pytest.raises(BadInput, match="2 and 3 parts"):
        found("a AND b", "x AND y AND x", 0.5)
