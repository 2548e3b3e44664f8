"""A try at the highest noise level tells what a UNet predicts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from backend.families.probe import EPS_CORRELATION, PROBE_SIDE, probed
from backend.models.catalog.card import Prediction

CONTEXT = torch.zeros(1, 77, 4)


class Answers:
    """A UNet that gives back so much of the noise and so much of something else."""

    device, dtype = torch.device("cpu"), torch.float16

    def __init__(self, noise: float, data: float, channels: int = 4) -> None:
        self.config = {"in_channels": channels}
        self._noise, self._data = noise, data
        self.seen: list[Any] = []

    def __call__(self, x: torch.Tensor, timestep: int, **options: Any) -> tuple[torch.Tensor]:
        self.seen.append((x, timestep, options))
        other = torch.randn(x.shape, generator=torch.Generator().manual_seed(7))
        return ((self._noise * x + self._data * other).to(x.dtype),)


@pytest.mark.parametrize(
    ("noise", "data", "found"),
    [
        (1.0, 0.0, "epsilon"),
        (0.9, 0.3, "epsilon"),
        (0.0, -1.0, "v_prediction"),
        (0.07, -1.0, "v_prediction"),
        (-1.0, 0.0, "v_prediction"),
        (1.0, 3.0, "v_prediction"),
    ],
)
def test_what_gives_the_noise_back_predicts_it(
    noise: float, data: float, found: Prediction
) -> None:
    assert probed(Answers(noise, data), CONTEXT) == found


def test_one_call_at_the_top_in_its_own_precision() -> None:
    unet = Answers(1.0, 0.0, channels=9)
    probed(unet, CONTEXT)
    ((x, timestep, options),) = unet.seen
    assert (x.shape, x.dtype, timestep) == ((1, 9, PROBE_SIDE, PROBE_SIDE), torch.float16, 999)
    assert options["encoder_hidden_states"].dtype == torch.float16
    assert 0 < EPS_CORRELATION < 1


def test_it_draws_from_nobodys_noise() -> None:
    torch.manual_seed(3)
    wanted = torch.randn(2)
    torch.manual_seed(3)
    first, second = Answers(1.0, 0.0), Answers(1.0, 0.0)
    probed(first, CONTEXT)
    probed(second, CONTEXT)
    assert torch.equal(first.seen[0][0], second.seen[0][0])
    assert torch.equal(torch.randn(2), wanted)
