"""The maths of the guidance wrappers."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from torch.nn import functional

from backend.sampling.config import SchedulerConfig
from backend.sampling.denoiser import adapt, from_x0, to_x0
from backend.sampling.guidance import (
    SigmaRange,
    cfg,
    dynamic_threshold,
    masked,
    sigma_range,
)
from backend.sampling.samplers import SAMPLERS
from backend.sampling.schedule import make
from backend.sampling.types import Level, Schedule
from tests.sampling.helpers import POCKET, curved, noises, run

CONFIG = SchedulerConfig.from_dict(POCKET)


def unet(x: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x * 1.1 + text) + 0.001 * timestep.reshape(-1, 1, 1, 1)


def pair(prediction):
    """(both, cond): the batch of two prompts and that of one."""
    b = 2
    texts = torch.tensor([-0.3] * b + [0.6] * b, dtype=torch.float64).reshape(-1, 1, 1, 1)
    both = adapt(lambda x, t: unet(x, t, texts), prediction)
    cond = adapt(lambda x, t: unet(x, t, texts[b:]), prediction)
    return both, cond


@pytest.mark.parametrize("rescale", [0.0, 0.7])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_cfg_is_that_of_the_pipeline(prediction, rescale):
    x = noises(1)[0] * 3
    level = Level.like(x, 3.0, 500.0)
    both, cond = pair(prediction)
    got = cfg(both, cond, 7.5, rescale=rescale, prediction=prediction)(x, level)
    x_t = x / math.sqrt(10)
    negative = unet(x_t, level.timestep, torch.tensor(-0.3, dtype=torch.float64))
    positive = unet(x_t, level.timestep, torch.tensor(0.6, dtype=torch.float64))
    output = negative + 7.5 * (positive - negative)
    if rescale:
        output = rescale_noise_cfg(output, positive, guidance_rescale=rescale)
    expected = to_x0(x, output, level, prediction)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_without_guidance_only_the_conditional_pass_runs(scale):
    both, cond = pair("epsilon")
    assert cfg(both, cond, scale, rescale=0.5) is cond


def test_the_interval_counts_steps_as_fractions_of_the_run():
    plan = make("dpmpp_2m", "karras", 10, CONFIG)

    def guided_steps(start, end, first=0):
        inside = sigma_range(plan, start, end, first)
        calls = []
        denoiser = cfg(
            lambda x, level: calls.append(level.value) or curved(x, level),
            curved,
            3.0,
            interval=inside,
        )
        run("dpmpp_2m", denoiser, noises(1)[0] * plan.init_scale, plan, start=first)
        return [plan.levels.index(value) for value in calls]

    assert guided_steps(0, 1) == list(range(10))
    assert guided_steps(0.2, 0.7) == [2, 3, 4, 5, 6]
    assert guided_steps(0.25, 0.25) == []
    assert guided_steps(0.5, 1, first=4) == [7, 8, 9]


def test_an_interval_goes_on_in_the_rest_of_a_run():
    plan = make("dpmpp_2m", "karras", 10, CONFIG)
    rest = Schedule(plan.sigmas[6:], plan.timesteps[6:], 1.0)
    x = noises(1)[0]
    levels = [Level.like(x, sigma, 0.0) for sigma in rest.levels[:-1]]

    def acting(start, end):
        inside = sigma_range(rest, start, end, first=-6)
        return [6 + i for i, level in enumerate(levels) if inside.holds(level)]

    assert acting(0.2, 0.8) == [6, 7]
    assert acting(0.75, 1.0) == [8, 9]
    assert acting(0.0, 0.5) == []


def test_an_interval_needs_to_know_the_level():
    level = Level(torch.ones(2), torch.ones(2), torch.ones(2))
    assert SigmaRange().holds(level)
    with pytest.raises(ValueError, match="one level"):
        SigmaRange(1.0, 2.0).holds(level)


def test_dynamic_threshold_acts_on_each_image():
    x0 = noises(1, (2, 3, 16, 16))[0]
    x0[1] *= 5
    level = Level.like(x0, 1.0, 0.0)
    got = dynamic_threshold(lambda x, level: x0, 0.9)(x0, level)
    for image, out in zip(x0, got, strict=True):
        s = max(float(image.abs().flatten().quantile(0.9)), 1.0)
        torch.testing.assert_close(out, image.clamp(-s, s) / s)
    small = 0.1 * x0[:1]
    same = dynamic_threshold(lambda x, level: small, 0.995)(small, Level.like(small, 1.0, 0.0))
    torch.testing.assert_close(same, small)
    wide = dynamic_threshold(lambda x, level: x0, 0.9, limit=4.0)(x0, level)
    assert float(wide.abs().max()) == pytest.approx(4.0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_masked_keeps_the_known_region_and_paints_the_rest_as_blending_would(name):
    known, noise = noises(2, seed=3)
    mask = torch.zeros(1, 1, 4, 5, dtype=torch.float64)
    mask[..., 2:] = 1
    seen = []

    def denoiser(x, level):
        sigma = level.sigma_for(x)
        outside = (x - known - sigma * noise) * (1 - mask)
        seen.append(float(outside.abs().max()))
        return curved(x + 0.1 * x.roll(1, -1), level)

    # pndm averages what the model says, and of a velocity that is not the noise alone.
    says = {"set_alpha_to_one": True} | ({"prediction_type": "epsilon"} if name == "pndm" else {})
    plan = make(name, "model", 8, SchedulerConfig.from_dict(POCKET | says))
    start = known + noise * plan.levels[0]
    steps = run(name, masked(denoiser, known, mask, noise), start, plan)
    assert max(seen) < 1e-12
    end = steps[-1].x
    keep = (1 - mask).expand_as(end).bool()
    # An LCM mixes c_skip x_t, below 1e-4 of x, into its x0.
    bar = 2e-4 if name == "lcm" else 1e-12
    torch.testing.assert_close(end[keep], known[keep], rtol=0, atol=bar)

    if name in ("ddim", "euler"):  # blending after each step, as diffusers' pipeline does
        x = start
        for i in range(plan.steps):
            s, t = plan.levels[i], plan.levels[i + 1]
            x0 = denoiser(x, Level.like(x, s, 0.0))
            x = x + (t - s) * (x - x0) / s
            x = mask * x + (1 - mask) * (known + t * noise)
        torch.testing.assert_close(end, x, rtol=1e-9, atol=1e-9)


def test_masked_starts_from_pure_noise_where_asked():
    known, noise = noises(2, seed=3)
    mask = torch.zeros(1, 1, 4, 5, dtype=torch.float64)
    mask[..., 2:] = 1
    plan = make("ddim", "model", 8, SchedulerConfig.from_dict(POCKET))
    seen = []

    def denoiser(x, level):
        seen.append((x, level))
        return curved(x, level)

    start = noise * plan.init_scale
    wrapped = masked(denoiser, known, mask, noise, (plan.levels[0], plan.init_scale))
    run("ddim", wrapped, start, plan)
    torch.testing.assert_close(seen[0][0], start)  # nothing of the picture, outside either
    keep = (1 - mask).expand_as(start).bool()
    for x, level in seen[1:]:
        torch.testing.assert_close(x[keep], (known + level.sigma_for(x) * noise)[keep])


def composed(rescale=0.0, scale=4.0, shares=(0.75, -0.5), interval=None):
    """x0 of two conditions at 0.6 and 0.1 beside a negative of -0.3, and what each says."""
    b = 2
    values = [-0.3, 0.6, 0.1]
    texts = torch.tensor([v for v in values for _ in range(b)], dtype=torch.float64)
    x = noises(1)[0] * 3
    level = Level.like(x, 3.0, 500.0)
    every = adapt(lambda x, t: unet(x, t, texts.reshape(-1, 1, 1, 1)), "epsilon")
    apart = [
        adapt(lambda x, t, v=v: unet(x, t, torch.tensor(v, dtype=torch.float64)), "epsilon")
        for v in values
    ]
    got = cfg(every, apart[1], scale, shares=shares, rescale=rescale, interval=interval)(x, level)
    return x, level, got, [one(x, level) for one in apart]


def test_several_conditions_steer_by_their_shares():
    _, _, got, (n, a, b) = composed()
    torch.testing.assert_close(got, n + 4 * (0.75 * (a - n) - 0.5 * (b - n)))
    _, _, got, (n, a, b) = composed(scale=1.0)
    torch.testing.assert_close(got, n + 0.75 * (a - n) - 0.5 * (b - n))
    _, _, outside, _ = composed(interval=SigmaRange(5.0, 9.0))
    assert torch.equal(outside, got)


def test_a_share_may_differ_from_place_to_place():
    mask = torch.zeros(1, 1, 4, 5, dtype=torch.float64)
    mask[..., :2] = 1
    x, _, got, (n, a, b) = composed(shares=(mask, 1 - mask))
    assert x.shape[-2:] == mask.shape[-2:]
    torch.testing.assert_close(got[..., :2], (n + 4 * (a - n))[..., :2])
    torch.testing.assert_close(got[..., 2:], (n + 4 * (b - n))[..., 2:])


def test_rescaling_aims_at_the_conditions_together():
    x, level, got, (n, a, b) = composed(rescale=0.7)
    x0 = n + 4 * (0.75 * (a - n) - 0.5 * (b - n))
    aim = n + 0.75 * (a - n) - 0.5 * (b - n)
    eps, told = ((x - part) / level.sigma.reshape(-1, 1, 1, 1) for part in (x0, aim))
    expected = x - level.sigma.reshape(-1, 1, 1, 1) * rescale_noise_cfg(eps, told, 0.7)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


def test_one_condition_of_share_one_is_plain_guidance_bit_for_bit():
    both, cond = pair("epsilon")
    x = noises(1)[0] * 3
    level = Level.like(x, 3.0, 500.0)
    negative, positive = both(torch.cat([x, x]), level.repeat(2)).chunk(2)
    assert torch.equal(cfg(both, cond, 7.5)(x, level), negative + 7.5 * (positive - negative))


def test_conditions_are_guided_away_from_their_own_negatives():
    values = [-0.3, 0.2, 0.6, 0.1]
    texts = torch.tensor([v for v in values for _ in range(2)], dtype=torch.float64)
    x = noises(1)[0] * 3
    level = Level.like(x, 3.0, 500.0)
    every = adapt(lambda x, t: unet(x, t, texts.reshape(-1, 1, 1, 1)), "epsilon")
    (left,) = noises(1, (1, 1, *x.shape[2:]), seed=5)
    grounds = [left, 1 - left]
    for scale in (1.0, 4.0):
        got = cfg(
            every, curved, scale, shares=[left, 0.5 * (1 - left)], grounds=grounds, against=[0, 1]
        )(x, level)
        n, m, a, b = every(torch.cat([x] * 4), level.repeat(4)).chunk(4)
        wanted = left * (n + scale * (a - n)) + (1 - left) * (m + scale * 0.5 * (b - m))
        torch.testing.assert_close(got, wanted)


def test_each_token_keeps_the_norm_of_the_conditional_velocity():
    """As `QwenImagePipeline` has it, on tokens of 2 x 2 positions."""
    generator = torch.Generator().manual_seed(0)
    x, cond, uncond = torch.randn(3, 2, 3, 4, 6, generator=generator)
    level = Level.like(x, 1.5, 600.0)
    guided = cfg(
        lambda x, level: torch.cat([uncond, cond]),
        lambda x, level: cond,
        4.0,
        prediction="flow_prediction",
        kept=2,
    )(x, level)

    def tokens(x0):
        return functional.pixel_unshuffle(from_x0(x, x0, level, "flow_prediction"), 2)

    combined = tokens(uncond) + 4.0 * (tokens(cond) - tokens(uncond))
    norms = [torch.norm(each, dim=1, keepdim=True) for each in (tokens(cond), combined)]
    assert torch.allclose(tokens(guided), combined * (norms[0] / norms[1]), atol=1e-5)
