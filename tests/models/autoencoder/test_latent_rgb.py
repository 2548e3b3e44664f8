from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from backend.models.autoencoder.latent_rgb import (
    PATCH,
    REACH,
    LatentRgb,
    drawn_shapes,
    fit_latent_rgb,
    latent_rgb_for,
    solve,
)
from backend.models.autoencoder.latent_rgb_tables import FLUX, SD1, SD3, Table
from backend.models.autoencoder.vae import Vae
from backend.models.checkpoint import Checkpoint
from toyworld import render
from toyworld.dataset import scene_of
from toyworld.folder import world_of

POCKET = Path(__file__).parents[3] / "models/checkpoints/pocket"


def _random(channels: int = 4, side: int = 24, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, channels, side, side, generator=generator)


def _decoder(seed: int = 5) -> LatentRgb:
    """A linear decoder of factor 4 that looks at neighbours."""
    generator = torch.Generator().manual_seed(seed)
    weight = 0.1 * torch.randn(3 * PATCH * PATCH, 4, REACH, REACH, generator=generator)
    return LatentRgb(weight, 0.1 * torch.randn(3 * PATCH * PATCH, generator=generator))


def test_a_linear_decoder_is_found() -> None:
    decoder = _decoder()
    fitted = solve(_random(), decoder(_random()))
    assert torch.allclose(fitted.weight, decoder.weight, atol=1e-3)
    assert torch.allclose(fitted.bias, decoder.bias, atol=1e-3)


def test_each_cell_becomes_a_patch_of_its_own_place() -> None:
    weight = torch.zeros(3 * PATCH * PATCH, 1, 1, 1)
    weight[: PATCH * PATCH, 0, 0, 0] = torch.arange(PATCH * PATCH, dtype=torch.float32)
    latents = torch.zeros(1, 1, 2, 3)
    latents[0, 0, 1, 2] = 1.0
    made = LatentRgb(weight, torch.zeros(3 * PATCH * PATCH))(latents)
    assert made.shape == (1, 3, 2 * PATCH, 3 * PATCH)
    lit = made[0, 0, PATCH:, 2 * PATCH :]
    assert torch.equal(lit.flatten(), torch.arange(PATCH * PATCH, dtype=torch.float32))
    made[0, 0, PATCH:, 2 * PATCH :] = 0
    assert not made.any()


def test_neighbours_are_looked_at_and_edges_repeat() -> None:
    weight = torch.zeros(3 * PATCH * PATCH, 1, 3, 3)
    weight[0, 0, 1, 0] = 1.0  # red of the upper left pixel is the cell to the left
    latents = torch.arange(4, dtype=torch.float32).reshape(1, 1, 1, 4)
    made = LatentRgb(weight, torch.zeros(3 * PATCH * PATCH))(latents)
    assert made[0, 0, 0, ::PATCH].tolist() == [0, 0, 1, 2]


def _decoded(vae: Vae, latents: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([vae.pixels(row) for row in latents.split(1)]).clamp(-1, 1)


def test_pockets_previews_are_sharper_than_one_colour_a_cell() -> None:
    """Against the true decode at full size, on renders that neither map was fitted to."""
    model = AutoencoderKL.from_pretrained(POCKET / "vae", torch_dtype=torch.float32)
    vae = Vae(model.eval())
    world = world_of(POCKET)
    scenes = [scene_of(77, i, world=world) for i in range(6)]
    latents = vae.encode(np.stack([render(scene, 256, world) for scene in scenes]))[0]
    true = _decoded(vae, latents)

    pixels = (drawn_shapes(4, 24 * vae.factor) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    known = vae.encode(pixels.contiguous().numpy())[0]
    cells = functional.interpolate(_decoded(vae, known), known.shape[2:], mode="area")

    def with_one(given: torch.Tensor) -> torch.Tensor:
        return functional.pad(given.permute(0, 2, 3, 1), (0, 1), value=1.0)

    colours = cells.permute(0, 2, 3, 1).flatten(0, 2)
    best = torch.linalg.lstsq(with_one(known).flatten(0, 2), colours).solution
    single = (with_one(latents) @ best).permute(0, 3, 1, 2)

    def level_db(made: torch.Tensor) -> float:
        large = functional.interpolate(made, true.shape[2:], mode="bilinear").clamp(-1, 1)
        error = ((large - true) / 2).square().mean(dim=(1, 2, 3))
        return float(-10 * error.log10().mean())

    others = [scene_of(78, i, world=world) for i in range(12)]
    shown = vae.encode(np.stack([render(scene, 256, world) for scene in others]))[0]
    taught = solve(shown, _decoded(vae, shown))
    reached = level_db(fit_latent_rgb(vae)(latents))
    assert reached > level_db(single) + 1.0
    # Of drawn shapes it learns nearly what it would learn of the world itself.
    assert reached > level_db(taught(latents)) - 3.0


def test_a_checkpoint_comes_fitted_to_its_own_autoencoder(eps: Checkpoint, v: Checkpoint) -> None:
    assert torch.equal(eps.latent_rgb.weight, fit_latent_rgb(eps.codec).weight)
    assert not torch.allclose(eps.latent_rgb.weight, v.latent_rgb.weight, atol=0.05)


def test_fit_is_fast_and_repeatable(eps: Checkpoint) -> None:
    begin = time.thread_time()  # other tests' engines may still be ending in other threads
    first = fit_latent_rgb(eps.codec)
    assert time.thread_time() - begin < 2
    assert torch.equal(first.weight, fit_latent_rgb(eps.codec).weight)


def test_channels_that_carry_nothing_stay_at_nought() -> None:
    latents = _random()
    latents[:, 2] = 0.0
    fitted = solve(latents, _decoder()(latents))
    assert fitted.weight[:, 2].abs().max() == 0.0
    assert bool(torch.isfinite(fitted.weight).all())


@pytest.mark.parametrize("published", [SD1, SD3, FLUX])
def test_a_published_autoencoder_has_its_table(published: Table) -> None:
    with torch.device("meta"):
        model = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=len(published.rows),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            scaling_factor=published.scaling_factor,
        )
    table = latent_rgb_for(Vae(model))
    rows = torch.tensor(published.rows)
    assert torch.equal(table.weight[:, :, 0, 0].T, rows)
    latents = _random(channels=len(rows), side=5)
    wanted = torch.einsum("bchw,cr->brhw", latents, rows)
    wanted = wanted + torch.tensor(published.bias).reshape(3, 1, 1)
    assert torch.allclose(table(latents), wanted, atol=1e-5)


def test_shapes_are_drawn_the_same_each_time_and_have_edges() -> None:
    pictures = drawn_shapes(2, 64)
    assert pictures.shape == (2, 3, 64, 64)
    assert torch.equal(pictures, drawn_shapes(2, 64))
    assert not torch.equal(pictures[0], pictures[1])
    assert 0.0 <= float(pictures.min()) < float(pictures.max()) <= 1.0
    steps = pictures.diff(dim=-1).abs()
    assert (steps > 0.15).float().mean() > 0.005
    assert (steps < 0.02).float().mean() > 0.5


@pytest.mark.parametrize("factor_channels", [(8, 4), (16, 16)])
def test_it_fits_autoencoders_of_any_factor(factor_channels: tuple[int, int]) -> None:
    factor, channels = factor_channels
    levels = factor.bit_length()
    torch.manual_seed(0)
    model = AutoencoderKL(
        block_out_channels=(8,) * levels, layers_per_block=1, latent_channels=channels,
        norm_num_groups=4, down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels, mid_block_add_attention=False,
    )  # fmt: skip
    fitted = fit_latent_rgb(Vae(model.eval()))
    assert fitted.weight.shape == (3 * PATCH * PATCH, channels, REACH, REACH)
    assert fitted(torch.zeros(1, channels, 4, 6)).shape == (1, 3, 4 * PATCH, 6 * PATCH)
