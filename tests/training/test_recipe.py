"""What every fit has in common, held against diffusers' own scheduler."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler

from backend.training.recipe import Noising, adamw, mixed, ordered

CONFIG: dict[str, Any] = {
    "num_train_timesteps": 200,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.001,
    "beta_end": 0.02,
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",  # about sampling
    "_class_name": "EulerDiscreteScheduler",
}
OWN = {
    key: value for key, value in CONFIG.items() if key not in ("timestep_spacing", "_class_name")
}


def draws(rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    latents, noise = (torch.randn(rows, 4, 3, 3, generator=generator) for _ in range(2))
    return latents, noise, torch.randint(0, 200, (rows,), generator=generator)


def test_noise_is_added_as_the_models_scheduler_does() -> None:
    ours, theirs = Noising(CONFIG), DDPMScheduler(**OWN)
    latents, noise, timesteps = draws(5)
    assert torch.equal(
        ours.add(latents, noise, timesteps), theirs.add_noise(latents, noise, timesteps)
    )
    assert torch.equal(ours.signal(timesteps), theirs.alphas_cumprod[timesteps])
    assert ours.timesteps == 200
    drawn = ours.drawn((500,), torch.Generator().manual_seed(2))
    assert drawn.shape == (500,)
    assert (int(drawn.min()), int(drawn.max())) >= (0, 190)
    assert int(drawn.max()) < 200


def test_the_target_is_what_the_model_predicts() -> None:
    noising = Noising(CONFIG)
    latents, noise, timesteps = draws(3)
    assert torch.equal(noising.target("epsilon", latents, noise, timesteps), noise)
    assert torch.equal(noising.target("sample", latents, noise, timesteps), latents)
    velocity = noising.target("v_prediction", latents, noise, timesteps)
    ab = noising.signal(timesteps)[:, None, None, None]
    torch.testing.assert_close(velocity, ab.sqrt() * noise - (1 - ab).sqrt() * latents)


def test_seeds_of_draws_differ_by_seed_purpose_and_number() -> None:
    given = [(1, "noise", 0), (1, "noise", 1), (2, "noise", 0), (1, "order", 0)]
    seeds = [mixed(*each) for each in given]
    assert len(set(seeds)) == len(seeds)
    assert seeds == [mixed(*each) for each in given]
    assert all(0 <= seed < 2**56 for seed in seeds)


@pytest.mark.parametrize("count", [1, 7])
def test_an_order_holds_each_number_once(count: int) -> None:
    assert sorted(ordered(count, 3)) == list(range(count))
    assert ordered(count, 3) == ordered(count, 3)
    assert count == 1 or ordered(count, 3) != ordered(count, 4)


def test_the_optimizer_is_that_of_the_published_scripts() -> None:
    parameter = torch.nn.Parameter(torch.ones(1))
    (group,) = adamw([parameter], 1e-3).param_groups
    assert (group["lr"], group["betas"]) == (1e-3, (0.9, 0.999))
    assert (group["weight_decay"], group["eps"]) == (1e-2, 1e-8)
