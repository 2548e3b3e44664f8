"""Frames are inverted in calls that fit; that it is their own noise is tested with the mode."""

from __future__ import annotations

import torch

from backend.models.memory.memory_pressure import Thrift, in_force
from backend.modes.clip.inverting import in_chunks
from backend.sampling.types import Level


def test_rows_go_through_in_parts_and_fewer_where_memory_runs_short() -> None:
    seen: list[int] = []

    def doubling(x: torch.Tensor, level: Level) -> torch.Tensor:
        assert torch.equal(level.sigma.flatten(), x.flatten())
        if len(x) > 2:
            raise torch.OutOfMemoryError("out of memory")
        seen.append(len(x))
        return 2 * x

    x = torch.arange(5.0).reshape(5, 1, 1, 1)
    level = Level(torch.ones(5), x.flatten(), torch.ones(5), 1.0)
    assert torch.equal(in_chunks(doubling, 2)(x, level), 2 * x)
    assert seen == [2, 2, 1]
    with in_force(Thrift()):
        assert torch.equal(in_chunks(doubling, 4)(x, level), 2 * x)
