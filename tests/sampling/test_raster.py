"""Codes in raster order, by priors whose answers are known."""

from __future__ import annotations

import pytest
import torch

from backend.sampling.raster import Choice, choose, raster, window


def test_the_likeliest_is_chosen_where_only_one_may_be() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, 2.0, 1.0]])
    for draw in (0.0, 0.5, 0.999):
        chosen = choose(logits, Choice(top_k=1), torch.full((2,), draw))
        assert chosen.tolist() == [1, 0]


def test_codes_come_as_often_as_the_odds_say() -> None:
    shares = torch.tensor([0.5, 0.3, 0.2])
    draws = (torch.arange(1000) + 0.5) / 1000
    chosen = choose(shares.log().expand(1000, -1), Choice(top_k=0), draws)
    assert torch.bincount(chosen).tolist() == [500, 300, 200]
    two = choose(shares.log().expand(1000, -1), Choice(top_k=2), draws)
    assert torch.bincount(two).tolist() == [625, 375]


def test_a_low_temperature_makes_the_likely_likelier() -> None:
    shares = torch.tensor([0.5, 0.3, 0.2])
    draws = (torch.arange(1000) + 0.5) / 1000
    cold = choose(shares.log().expand(1000, -1), Choice(temperature=0.25), draws)
    assert (cold == 0).float().mean() > 0.8


@pytest.mark.parametrize(
    ("place", "side", "total", "begins"),
    [(0, 4, 4, 0), (3, 4, 4, 0), (0, 4, 10, 0), (5, 4, 10, 3), (9, 4, 10, 6), (1, 4, 3, 0)],
)
def test_a_window_sees_the_cell(place: int, side: int, total: int, begins: int) -> None:
    assert window(place, side, total) == begins
    assert begins <= place < begins + side


def counting(codes: torch.Tensor, row: int, column: int) -> torch.Tensor:
    """Sure of the code after that to the left, or above in the first column."""
    before = codes[:, row, column - 1] if column else codes[:, row - 1, column]
    return 100.0 * torch.nn.functional.one_hot((before + 1) % 9, 9).float()


def test_each_cell_is_drawn_by_those_before_it() -> None:
    begun = torch.zeros(2, 3, 4, dtype=torch.int64)
    cells = [(row, column) for row in range(3) for column in range(4)][1:]
    steps = list(raster(counting, begun, cells, torch.rand(2, 3, 4), Choice(), side=4))
    assert [number for number, _ in steps] == list(range(11))
    assert steps[-1][1][0].tolist() == [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]]
    assert begun.sum() == 0
    assert steps[4][1][0].tolist() == [[0, 1, 2, 3], [1, 2, 0, 0], [0, 0, 0, 0]]


def test_it_goes_on_from_a_cell() -> None:
    begun = torch.zeros(1, 3, 4, dtype=torch.int64)
    cells = [(row, column) for row in range(3) for column in range(4)][1:]
    draws = torch.rand(1, 3, 4)
    whole = list(raster(counting, begun, cells, draws, Choice(), side=4))
    rest = list(raster(counting, whole[4][1], cells, draws, Choice(), side=4, first=5))
    assert [number for number, _ in rest] == list(range(5, 11))
    assert torch.equal(rest[-1][1], whole[-1][1])


def test_a_prior_is_shown_its_window_alone() -> None:
    seen: list[tuple[int, ...]] = []

    def looking(codes: torch.Tensor, row: int, column: int) -> torch.Tensor:
        seen.append((*codes.shape[1:], row, column))
        return torch.zeros(1, 5)

    begun = torch.zeros(1, 2, 10, dtype=torch.int64)
    list(raster(looking, begun, [(1, 0), (1, 5), (1, 9)], torch.rand(1, 2, 10), Choice(), side=4))
    assert seen == [(2, 4, 1, 0), (2, 4, 1, 2), (2, 4, 1, 3)]
