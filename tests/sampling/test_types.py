"""The contracts of the sampling core: levels, schedules, and what a model leaves beside x0."""

from __future__ import annotations

import math

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.sampling.types import Level, Naming, Schedule, Spread, alpha_of, floats


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0, 14.6])
@pytest.mark.parametrize(
    ("naming", "law"),
    [
        ("ve", lambda a, s: a),
        ("vp", lambda a, s: math.hypot(a, s)),
        ("flow", lambda a, s: a + s),
    ],
)
def test_a_naming_keeps_its_law(naming: Naming, law, ratio: float) -> None:
    alpha = alpha_of(ratio, naming)
    assert law(alpha, ratio * alpha) == pytest.approx(1.0, abs=1e-15)


def test_a_level_is_the_same_for_every_sample_without_asking_the_device() -> None:
    x = torch.zeros(3, 4, 2, 2)
    level = Level.like(x, 2.0, 500.5, "vp")
    assert level.alpha.tolist() == pytest.approx([5**-0.5] * 3)
    assert level.sigma.tolist() == pytest.approx([2 * 5**-0.5] * 3)
    assert level.timestep.tolist() == [500.5] * 3
    assert level.value == 2.0
    assert level.alpha.dtype == torch.float32
    assert Level.like(x.double(), 2.0, 1.0).alpha.dtype == torch.float64
    assert Level.like(x.half(), 2.0, 1.0).alpha.dtype == torch.float32


def test_levels_follow_the_rows_of_a_batch() -> None:
    level = Level(*(torch.tensor([1.0, 2.0, 3.0]) for _ in range(3)))
    assert level.repeat(2).sigma.tolist() == [1, 2, 3, 1, 2, 3]
    assert level.rows(torch.tensor([2, 0])).timestep.tolist() == [3, 1]
    x = torch.zeros(3, 4, 2, 2, dtype=torch.float16)
    assert level.alpha_for(x).shape == (3, 1, 1, 1)
    assert level.sigma_for(x).dtype == torch.float16


def test_a_schedule_asks_the_model_in_its_own_naming() -> None:
    sigmas = torch.tensor([3.0, 1.0, 0.0], dtype=torch.float64)
    timesteps = torch.tensor([800.0, 100.0], dtype=torch.float64)
    x = torch.full((1, 1, 1, 1), 10.0)
    plain = Schedule(sigmas, timesteps, 3.0)
    assert (plain.steps, plain.levels) == (2, [3.0, 1.0, 0.0])
    seen, level = plain.asked(x, 1)
    assert seen is x
    assert (level.value, level.timestep.tolist()) == (1.0, [100.0])
    named = Schedule(sigmas, timesteps, 3.0, naming="flow")
    seen, level = named.asked(x, 0)
    assert seen.item() == pytest.approx(2.5)  # alpha = 1 / (1 + 3)
    assert level.sigma.tolist() == pytest.approx([0.75])


def test_a_variance_is_taken_once_and_by_whom_it_is_of() -> None:
    spread = Spread()
    spread.put(torch.ones(2, 3, 1, 1))
    assert spread.take(2).shape == (2, 3, 1, 1)
    with pytest.raises(BadInput, match="several runs side by side cannot share"):
        spread.take(2)
    spread.put(torch.ones(4, 3, 1, 1))
    with pytest.raises(BadInput) as told:
        spread.take(2)
    assert told.value.field == "sampler"


def test_numbers_are_pythons() -> None:
    assert floats(torch.tensor([1.0, 0.5])) == [1.0, 0.5]
    assert type(floats(torch.tensor([1.0]))[0]) is float
