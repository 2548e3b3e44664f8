"""Bounds against diffusers' own clipping and thresholding."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler

from backend.sampling.bounds import Bounds
from backend.sampling.config import SchedulerConfig

X0 = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * torch.tensor(
    [0.2, 1.0, 4.0]
).reshape(3, 1, 1, 1)


@pytest.mark.parametrize("most", [1.0, 1.5, 10.0])
@pytest.mark.parametrize("ratio", [0.5, 0.95])
def test_thresholding_is_diffusers(ratio: float, most: float) -> None:
    scheduler = DDPMScheduler(
        thresholding=True, dynamic_thresholding_ratio=ratio, sample_max_value=most
    )
    theirs = scheduler._threshold_sample(X0)
    bounds = SchedulerConfig.from_dict(scheduler.config).bounds
    assert bounds == Bounds(most, ratio)
    torch.testing.assert_close(bounds(X0), theirs, rtol=0, atol=1e-6)


def test_clipping_and_none() -> None:
    clipped = SchedulerConfig.from_dict({"clip_sample_range": 2.0}).bounds
    assert clipped == Bounds(2.0)
    assert torch.equal(clipped(X0), X0.clamp(-2, 2))
    assert SchedulerConfig.from_dict({"clip_sample": False}).bounds is None
