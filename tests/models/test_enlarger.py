"""What a network is given beside x, against diffusers' schedulers."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler
from torch.nn import functional

from backend.models.enlarger import EnlargedPicture, NoisedPicture, PlainPicture
from backend.models.parts import Enlarger
from backend.sampling.config import SchedulerConfig

BETAS = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "scaled_linear"}
COSINE = {"beta_schedule": "squaredcos_cap_v2"}
SMALL = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("level", [0, 20, 350, 999])
@pytest.mark.parametrize("betas", [BETAS, COSINE])
def test_noise_is_added_as_the_scheduler_adds_it(betas: dict[str, float], level: int) -> None:
    noise = torch.randn(SMALL.shape, generator=torch.Generator().manual_seed(1))
    theirs = DDPMScheduler(**betas).add_noise(SMALL, noise, torch.tensor([level]))
    beside = NoisedPicture(SchedulerConfig.from_dict(betas)).beside(SMALL, noise, level)
    torch.testing.assert_close(beside.channels, theirs, rtol=0, atol=2e-6)
    assert beside.labels is not None
    assert beside.labels.tolist() == [level, level]


def test_a_cascades_picture_is_enlarged_with_aligned_corners() -> None:
    enlarger: Enlarger = EnlargedPicture(SchedulerConfig.from_dict(COSINE), 4)
    assert enlarger.noise_shape((7, 5)) == (3, 20, 28)
    assert not enlarger.noise_first
    noise = torch.zeros(2, 3, 20, 28)
    large = functional.interpolate(SMALL, (20, 28), mode="bilinear", align_corners=True)
    channels = enlarger.beside(SMALL, noise, 250).channels

    ratio = channels / large
    assert ratio.std() < 1e-4
    assert 0.5 < float(ratio.mean()) < 1.0


def test_a_plain_picture_is_shown_as_it_is() -> None:
    enlarger: Enlarger = PlainPicture()
    assert enlarger.noise_shape((7, 5)) is None
    assert torch.equal(enlarger.beside(SMALL, None, 0).channels, SMALL)


def test_noise_that_is_missing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no noise"):
        NoisedPicture(SchedulerConfig.from_dict(BETAS)).beside(SMALL, None, 20)
