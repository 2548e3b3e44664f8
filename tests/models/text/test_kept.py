"""Encoded prompts are made once, and leave in the order of their use."""

from __future__ import annotations

import torch

from backend.models.text.kept import KeptTensors


def test_the_oldest_leaves_first() -> None:
    made: list[str] = []

    def asked(kept: KeptTensors, key: str) -> torch.Tensor:
        def make() -> torch.Tensor:
            made.append(key)
            return torch.full((4,), float(len(made)))

        return kept.get(key, make)

    kept = KeptTensors(most_bytes=32)
    for key in ("a", "b", "a", "c", "a", "b"):
        asked(kept, key)
    assert made == ["a", "b", "c", "b"]
    (held,) = kept.holdings()
    assert (held.nbytes, held.what) == (32, "encoded prompts")
    assert kept.release() == 32
    assert kept.holdings() == ()


def test_one_that_is_larger_than_the_bound_stays_alone() -> None:
    kept = KeptTensors(most_bytes=8)
    kept.get("small", lambda: torch.zeros(1))
    kept.get("large", lambda: torch.zeros(100))
    assert kept.release() == 400
