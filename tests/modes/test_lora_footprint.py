"""What each LoRA changes of the predicted picture, counted call by call."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pytest
import torch

from backend.modes.lora_footprint import _Watched
from backend.sampling.types import Denoiser, Level

LEVEL = Level.like(torch.zeros(1, 2, 1, 2), 1.0, 500.0)
X = torch.zeros(1, 2, 1, 2)


class Mix:
    """Notes which rows act at which step."""

    def __init__(self) -> None:
        self.told: list[tuple[int, tuple[int, ...]]] = []

    def at(self, step: int, chosen: Collection[int]) -> None:
        self.told.append((step, tuple(chosen)))


def says(values: Sequence[Sequence[float]]) -> Denoiser:
    """Call by call: one value for the left and one for the right position, in every channel."""
    calls = iter(values)
    return lambda x, level: torch.tensor(next(calls)).expand(1, 2, 1, 2)


def watched(
    full: Sequence[Sequence[float]], *without: Sequence[Sequence[float]], regions: int = 0
) -> tuple[_Watched, Mix]:
    mix = Mix()
    one = _Watched(len(without) - regions, regions, mix)  # type: ignore[arg-type]
    one._full, one._without = says(full), [says(other) for other in without]
    return one, mix


def test_the_run_goes_its_own_way_and_each_lora_is_left_out_once() -> None:
    one, mix = watched([[5, 5]], [[1, 1]], [[2, 2]])
    one.at(0)
    assert torch.equal(one(X, LEVEL), torch.full((1, 2, 1, 2), 5.0))
    assert mix.told == [(0, (1,)), (0, (0,)), (0, (0, 1))]


def test_shares_are_of_the_change_in_each_step_and_in_all() -> None:
    one, _ = watched([[0, 0], [0, 0]], [[3, 3], [0, 0]], [[1, 1], [0, 0]])
    for step in range(2):
        one.at(step)
        one(X, LEVEL)
    one.at(2)  # after the last step
    first, second = one.told()
    assert (first["share"], second["share"]) == (0.75, 0.25)
    assert first["shares"] == [0.75, 0.0]  # 0 where nothing changes
    assert second["shares"] == [0.25, 0.0]


def test_where_nothing_changes_at_all_there_are_no_shares() -> None:
    one, _ = watched([[1, 1]], [[1, 1]], [[1, 1]])
    one.at(0)
    one(X, LEVEL)
    assert [told["share"] for told in one.told()] == [0.0, 0.0]


@pytest.mark.parametrize("calls", [1, 2])
def test_a_map_is_the_root_mean_square_over_all_calls(calls: int) -> None:
    one, _ = watched([[0, 0]] * 2 * calls, [[3, 0]] * calls + [[4, 0]] * calls)
    for step in range(2):
        one.at(step)
        for _ in range(calls):
            one(X, LEVEL)
    one.at(2)
    (heat,) = one.maps()
    np.testing.assert_allclose(heat, [[np.sqrt((9 + 16) / 2), 0.0]], rtol=1e-6)


def test_several_calls_of_one_step_are_one_share() -> None:
    one, _ = watched([[0, 0]] * 2, [[2, 2], [4, 4]], [[1, 1], [1, 1]])
    one.at(0)
    one(X, LEVEL)
    one(X, LEVEL)
    first, second = one.told()
    assert (first["shares"], second["shares"]) == ([0.75], [0.25])


def test_a_region_is_left_out_with_all_loras_and_told_how_much_stays_inside() -> None:
    one, mix = watched([[5, 5]], [[1, 1]], [[2, 4]], regions=1)
    one.at(0)
    one(X, LEVEL)
    assert mix.told == [(0, ()), (0, (0,)), (0, (0,))]
    lora, region = one.told([torch.tensor([[1.0, 0.0]])])
    assert "inside" not in lora
    assert region["inside"] == 0.9  # 9 of 9 + 1
