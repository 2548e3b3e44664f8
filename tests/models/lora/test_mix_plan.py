"""When each LoRA of a mix acts: weights step by step."""

from __future__ import annotations

from backend.contracts.settings import LoraUse
from backend.models.lora.mix import plan, weights_at


def test_plan() -> None:
    uses = [
        LoraUse(name="a", weight=0.5),
        LoraUse(name="b", weight=1.0, start=0.3, end=0.7),
        LoraUse(name="c", weight=-1.0, start=0.5),
        LoraUse(name="d", start=0.4, end=0.4),
    ]
    weights = plan(uses, 10)
    assert [row[0] for row in weights] == [0.5] * 10
    assert [row[1] for row in weights] == [0.0] * 3 + [1.0] * 4 + [0.0] * 3
    assert [row[2] for row in weights] == [0.0] * 5 + [-1.0] * 5
    assert [row[3] for row in weights] == [0.0] * 10
    assert weights_at(uses, 0, 1) == (0.5, 0.0, 0.0, 0.0)
