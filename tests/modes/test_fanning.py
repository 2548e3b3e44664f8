"""Several pictures from one stored step."""

from __future__ import annotations

import torch

from backend.modes.fanning import fanned, repeated
from backend.sampling.noise import SeededNoise
from backend.sampling.types import State, Step

SHAPE = (4, 6, 6)


def step(rows: int = 2) -> Step:
    x, x0 = torch.randn(rows, *SHAPE), torch.randn(rows, *SHAPE)
    return Step(3, 8, 2.5, x, x0, State({"before": x0, "sum": torch.zeros(())}, draws=4))


def test_the_first_keeps_its_own_and_the_others_leave_from_its_x0() -> None:
    one = step()
    made = fanned(one, 1, 3, SeededNoise([5, 6, 7], SHAPE, torch.device("cpu")))
    eps = SeededNoise([5, 6, 7], SHAPE, torch.device("cpu")).draw()
    assert torch.equal(made.x[0], one.x[1])
    for row in (1, 2):
        torch.testing.assert_close(made.x[row], one.x0[1] + 2.5 * eps[row])
        assert torch.equal(made.x0[row], one.x0[1])
        assert torch.equal(made.state.history["before"][row], one.x0[1])
    assert made.state.history["sum"].shape == ()
    assert (made.index, made.total, made.sigma, made.state.draws) == (3, 8, 2.5, 4)


def test_a_step_repeated_is_one_picture_s() -> None:
    one = step()
    made = repeated(one, 0, 4)
    assert made.x.shape == (4, *SHAPE)
    assert all(torch.equal(row, one.x[0]) for row in made.x)
