"""Our text encoder, denoiser and autoencoder against diffusers' pipeline, whole runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from backend.models.checkpoint import Checkpoint
from backend.sampling.types import Level

PROMPT, NEGATIVE = "a red house under a blue sky", "a fish, blurry"
STEPS = 6


@torch.no_grad()
def our_run(model: Checkpoint, guidance: float, noise: torch.Tensor) -> np.ndarray:
    """DDIM by diffusers' own scheduler; everything else is ours.

    The scheduler walks in x_t, so each x0 is turned back into the eps or v that it expects.
    """
    scheduler = DDIMScheduler.from_config(model.scheduler_config)
    scheduler.set_timesteps(STEPS)
    prompts = [NEGATIVE, PROMPT] if guidance > 1 else [PROMPT]
    denoise = model.network.denoiser([model.text.encode([text]) for text in prompts])
    x_t = noise
    for t in scheduler.timesteps:
        alpha_bar = scheduler.alphas_cumprod[t].double()
        sigma = ((1 - alpha_bar) / alpha_bar).sqrt()
        x = (x_t / alpha_bar.sqrt()).float()
        sigmas, ts = sigma.expand(len(prompts)), t.double().expand(len(prompts))
        level = Level(torch.ones_like(sigmas), sigmas, ts)
        x0s = denoise(x.repeat(len(prompts), 1, 1, 1), level).chunk(len(prompts))
        x0 = x0s[0] + guidance * (x0s[1] - x0s[0]) if guidance > 1 else x0s[0]
        if model.prediction_type == "epsilon":
            output = (x - x0) / sigma
        else:
            output = (alpha_bar.sqrt() * x_t - x0) / (1 - alpha_bar).sqrt()
        x_t = scheduler.step(output.float(), t, x_t).prev_sample
    return model.codec.decode(x_t)


@pytest.mark.parametrize("guidance", [1.0, 7.0])
@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_a_run_equals_the_pipeline(
    request: pytest.FixtureRequest, prediction: str, guidance: float
) -> None:
    model: Checkpoint = request.getfixturevalue(prediction)
    pipe = StableDiffusionPipeline.from_pretrained(model.info.path)
    pipe.set_progress_bar_config(disable=True)
    noise = torch.randn(1, 4, 12, 8, generator=torch.Generator().manual_seed(7))
    reference = pipe(
        PROMPT,
        negative_prompt=NEGATIVE,
        guidance_scale=guidance,
        num_inference_steps=STEPS,
        width=64,
        height=96,
        latents=noise,
        output_type="np",
    ).images
    reference = (reference * 255).round().astype(int)
    ours = our_run(model, guidance, noise)
    assert ours.shape == reference.shape
    assert reference.std() > 20
    assert np.mean(np.abs(ours - reference) <= 2) >= 0.999


@pytest.mark.parametrize("guidance", [1.0, 7.0])
def test_the_comparison_can_fail(eps: Checkpoint, guidance: float) -> None:
    noise = torch.randn(1, 4, 12, 8, generator=torch.Generator().manual_seed(7))
    ours = our_run(eps, guidance, noise)
    other = our_run(eps, guidance + 0.5, noise) if guidance > 1 else our_run(eps, 1.5, noise)
    assert np.mean(np.abs(ours.astype(int) - other) <= 2) < 0.99
