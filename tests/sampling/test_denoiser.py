"""Predictions turned into x0 and back, in every naming of a level."""

from __future__ import annotations

import math

import pytest
import torch

from backend.sampling.denoiser import adapt, from_x0, input_scale, to_x0
from backend.sampling.types import Level
from tests.sampling.helpers import noises

PREDICTIONS = ["epsilon", "v_prediction", "sample", "flow_prediction"]
NAMINGS = ["ve", "vp", "flow"]


def levels(x: torch.Tensor, naming, low: float = 0.05, high: float = 9.0) -> Level:
    """Another level for each of two samples."""
    parts = [Level.like(x[:1], ratio, 10.0 * ratio, naming) for ratio in (low, high)]
    return Level(*(torch.cat([part[i] for part in parts]) for i in range(3)))


def said(prediction: str, x0: torch.Tensor, eps: torch.Tensor, ratio: float) -> torch.Tensor:
    """What a perfect model of that kind predicts."""
    signal = 1 / math.sqrt(1 + ratio**2)
    return {
        "epsilon": eps,
        "v_prediction": signal * eps - ratio * signal * x0,
        "sample": x0,
        "flow_prediction": eps - x0,
    }[prediction]


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_x0_and_the_output_of_the_model_are_each_others_inverse(prediction, naming):
    x, output = noises(2)
    level = levels(x, naming)
    x0 = to_x0(x, output, level, prediction)
    torch.testing.assert_close(from_x0(x, x0, level, prediction), output, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_a_perfect_model_leads_to_x0_and_sees_what_it_was_trained_on(prediction, naming):
    x0, eps = noises(2)
    ratio = math.sqrt(0.7 / 0.3)
    seen = []

    def model(x, timestep):
        seen.append((x, timestep))
        return said(prediction, x0, eps, ratio).float()

    level = Level.like(x0, ratio, 321.5, naming)
    x = level.alpha_for(x0) * x0 + level.sigma_for(x0) * eps
    torch.testing.assert_close(adapt(model, prediction)(x, level), x0, rtol=1e-6, atol=1e-6)
    if prediction == "flow_prediction":
        wanted = (x0 + ratio * eps) / (1 + ratio)
    else:
        wanted = math.sqrt(0.3) * x0 + math.sqrt(0.7) * eps
    torch.testing.assert_close(seen[0][0], wanted, rtol=1e-12, atol=1e-12)
    assert seen[0][1].tolist() == [321.5, 321.5]


@pytest.mark.parametrize("naming", NAMINGS)
def test_a_name_says_what_it_means(naming):
    x = noises(1)[0]
    level = levels(x, naming)
    whole = {
        "ve": level.alpha,
        "vp": (level.alpha**2 + level.sigma**2).sqrt(),
        "flow": level.alpha + level.sigma,
    }[naming]
    torch.testing.assert_close(whole, torch.ones_like(whole))
    torch.testing.assert_close(level.sigma / level.alpha, torch.tensor([0.05, 9.0]).double())


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_factors_are_rounded_once_and_half_precision_is_widened(prediction):
    x, output = (part.float() for part in noises(2))
    level = Level.like(x, 14.6, 999.0)
    exact = to_x0(x.double(), output.double(), Level(*(p.double() for p in level[:3])), prediction)
    error = (to_x0(x, output, level, prediction) - exact).abs().max()
    assert error <= 4e-7 * max(1.0, float((level.sigma[0] * output).abs().max()))
    half = adapt(lambda x, t: x.to(torch.bfloat16), prediction)(x.to(torch.bfloat16), level)
    assert half.dtype == torch.float32


def test_an_input_of_unit_variance_stays_as_it_is_in_its_own_naming():
    x = noises(1)[0]
    one = torch.ones(2, 1, 1, 1, dtype=torch.float64)
    vp, flow = levels(x, "vp"), levels(x, "flow")
    torch.testing.assert_close(input_scale(x, vp, "v_prediction"), one, rtol=1e-15, atol=0)
    torch.testing.assert_close(input_scale(x, flow, "flow_prediction"), one, rtol=1e-15, atol=0)
