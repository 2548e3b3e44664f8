"""What every sampler shares: where it begins, how it asks the model, what it hands on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from backend.sampling.bounds import Bounds
from backend.sampling.samplers.walk import Walk
from backend.sampling.types import Level, Resume, Schedule, State
from tests.sampling.helpers import ListedNoise, noises

SCHEDULE = Schedule(
    torch.tensor([4.0, 2.0, 1.0, 0.0], dtype=torch.float64),
    torch.tensor([900.0, 500.0, 100.0], dtype=torch.float64),
    4.0,
)
X = torch.full((2, 1, 1, 1), 3.0)


def walk(schedule: Schedule = SCHEDULE, **options) -> tuple[Walk, list[Level], ListedNoise]:
    asked: list[Level] = []
    noise = ListedNoise(noises(4, (2, 1, 1, 1), torch.float64))

    def denoiser(x: torch.Tensor, level: Level) -> torch.Tensor:
        assert not torch.is_grad_enabled()
        asked.append(level)
        return 2 * x.double()

    start, resume = options.get("start", 0), options.get("resume")
    return Walk(denoiser, X, schedule, noise, start, resume), asked, noise


def test_a_fresh_run_takes_every_step_and_a_late_one_the_rest() -> None:
    assert list(walk()[0].indices) == [0, 1, 2]
    assert list(walk(start=2)[0].indices) == [2]
    assert list(walk(start=3)[0].indices) == []


def test_it_goes_on_from_a_state_with_its_history_and_draws() -> None:
    state = State({"x0": X}, 2)
    again, _, noise = walk(resume=Resume(1, state))
    assert list(again.indices) == [2]
    assert again.history == {"x0": X}
    assert noise.draws == 2
    again.history["more"] = X
    assert "more" not in state.history  # the stored step stays as it is


@pytest.mark.parametrize("given", [{"start": 4}, {"start": -1}, {"resume": Resume(3, State())}])
def test_a_step_outside_the_schedule_is_refused(given) -> None:
    with pytest.raises(ValueError, match="outside a schedule of 3 steps"):
        walk(**given)


def test_a_run_cannot_start_late_and_resume() -> None:
    with pytest.raises(ValueError, match="not both"):
        walk(start=1, resume=Resume(0, State()))


def test_the_model_is_asked_at_the_level_in_the_dtype_of_the_run() -> None:
    own, asked, _ = walk()
    x0 = own.denoise(X, 1)
    assert x0.dtype == torch.float32
    assert x0.flatten().tolist() == [6.0, 6.0]
    assert (asked[0].value, asked[0].timestep.tolist()) == (2.0, [500.0, 500.0])
    assert own.draw().dtype == torch.float32


def test_x0_is_kept_within_its_bounds_where_there_are_some() -> None:
    own, _, _ = walk(replace(SCHEDULE, bounds=Bounds(1.5)))
    assert own.denoise(X, 0).flatten().tolist() == [1.5, 1.5]
    assert own.predicted(X, 0).flatten().tolist() == [6.0, 6.0]
    free = walk()[0]
    assert free.bounded(X) is X


def test_a_step_says_where_it_stands_and_how_to_go_on() -> None:
    own, _, _ = walk()
    own.draw()
    kept = {"slope": X}
    step = own.step(1, X, 2 * X, kept)
    assert (step.index, step.total, step.sigma) == (1, 3, 1.0)
    assert (step.state.history, step.state.draws) == (kept, 1)
    own.step(2, X, X)
    assert own.history == {}
    assert step.state.history == kept
