"""PNDM: how often it looks, and that a warm-up is gone on with bit for bit."""

from __future__ import annotations

import pytest
import torch

from backend.sampling.config import SchedulerConfig
from backend.sampling.samplers import model_calls
from backend.sampling.samplers.pndm import pndm
from backend.sampling.schedule import make
from backend.sampling.types import Level, Resume
from tests.sampling.helpers import POCKET, ListedNoise, curved, noises


@pytest.mark.parametrize(("skip", "calls"), [(True, 11), (False, 19)])
def test_looks(skip: bool, calls: int) -> None:
    schedule = make(
        "pndm", "model", 10, SchedulerConfig.from_dict(POCKET | {"skip_prk_steps": skip})
    )
    seen: list[float | None] = []

    def denoiser(x: torch.Tensor, level: Level) -> torch.Tensor:
        seen.append(level.value)
        return curved(x, level)

    x = noises(1)[0] * schedule.init_scale
    assert len(list(pndm(denoiser, x, schedule, ListedNoise([])))) == 10
    assert len(seen) == calls
    if skip:
        assert calls == model_calls("pndm", 10)


def test_runge_kutta_is_gone_on_with_from_each_step() -> None:
    config = SchedulerConfig.from_dict(POCKET | {"skip_prk_steps": False})
    schedule = make("pndm", "model", 8, config)
    x = noises(1)[0] * schedule.init_scale
    whole = list(pndm(curved, x, schedule, ListedNoise([])))
    for step in whole[:-1]:
        rest = pndm(
            curved, step.x, schedule, ListedNoise([]), resume=Resume(step.index, step.state)
        )
        for again, first in zip(rest, whole[step.index + 1 :], strict=True):
            assert torch.equal(again.x, first.x)


def test_so_few_steps_have_no_runge_kutta() -> None:
    config = SchedulerConfig.from_dict(POCKET | {"skip_prk_steps": False})
    assert make("pndm", "model", 3, config).halves == ()
    assert len(make("pndm", "model", 4, config).halves) == 3
