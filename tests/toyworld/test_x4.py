"""The trainer of `pocket-x4`, for a few steps of a small network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, LDMSuperResolutionPipeline

from tests.staged import enlarged, loaded, staged
from toyworld.checkpoint import Clock
from toyworld.dataset import Pool
from toyworld.grow import deep_autoencoder
from toyworld.x4 import (
    FACTOR,
    Pairs,
    Recipe,
    X4Trainer,
    busyness,
    encoded,
    export,
    new_autoencoder,
    normed,
    reduced,
)
from toyworld.x4_score import rendered, scenes

SMALL = Recipe(stem=(8, 8, 16), channels=(8, 16), crops=((8, 4),))


@pytest.fixture(scope="module")
def pools() -> list[Pool]:
    made = scenes(1, 3)
    return [Pool(1, rendered(made, side)) for side in (64, 128)]


@pytest.fixture(scope="module")
def vae(pools: list[Pool]) -> AutoencoderKL:
    torch.manual_seed(0)
    deep = deep_autoencoder((8, 8, 16, 16), 4).eval()
    return normed(new_autoencoder(deep, SMALL).eval(), pools[0])


@pytest.fixture(scope="module")
def pairs(pools: list[Pool], vae: AutoencoderKL, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("pairs")
    return [encoded(pool, vae, folder) for pool in pools]


def plain(pools: list[Pool]) -> list[Pairs]:
    """Pairs whose latents are the small picture itself."""
    small = [np.stack([reduced(picture) for picture in pool.pixels]) for pool in pools]
    return [
        Pairs((each / 127.5 - 1).astype(np.float16).transpose(0, 3, 1, 2), each) for each in small
    ]


def quiet(line: str) -> None:
    return None


def test_the_autoencoder_begins_with_the_outer_levels() -> None:
    deep = deep_autoencoder((8, 8, 16, 16), 4)
    ours = new_autoencoder(deep, SMALL)
    assert torch.equal(ours.encoder.conv_in.weight, deep.encoder.conv_in.weight)
    assert torch.equal(ours.decoder.conv_out.weight, deep.decoder.conv_out.weight)
    last, deepest = ours.decoder.up_blocks[-1], deep.decoder.up_blocks[-1]
    for name, weight in deepest.state_dict().items():
        assert torch.equal(last.state_dict()[name], weight), name
    with pytest.raises(ValueError, match="outer levels are not"):
        new_autoencoder(deep, replace(SMALL, stem=(8, 16, 16)))


def test_latents_are_normed_and_as_large_as_the_small_picture(
    pairs: list[Pairs], pools: list[Pool]
) -> None:
    for made, pool in zip(pairs, pools, strict=True):
        count, side = pool.pixels.shape[:2]
        assert made.small.shape == (count, side // FACTOR, side // FACTOR, 3)
        assert made.latents.shape == (count, 3, side // FACTOR, side // FACTOR)
        assert np.array_equal(made.small[1], reduced(pool.pixels[1]))
    first = pairs[0].latents.astype(np.float32)
    np.testing.assert_allclose(first.mean((0, 2, 3)), 0, atol=0.01)
    np.testing.assert_allclose(first.std((0, 2, 3)), 1, atol=0.01)


def test_pairs_are_made_once(pools: list[Pool], vae: AutoencoderKL, tmp_path: Path) -> None:
    made = encoded(pools[0], vae, tmp_path)
    again = encoded(pools[0], deep_autoencoder((8, 8, 16), 3), tmp_path)
    assert np.array_equal(made.latents, again.latents)


def test_a_crop_lies_in_one_place_of_both(tmp_path: Path, pools: list[Pool]) -> None:
    trainer = X4Trainer(SMALL, tmp_path, plain(pools))
    latents, beside = trainer.crops(np.random.default_rng(0))
    assert latents.shape == beside.shape == (4, 3, 8, 8)
    assert (latents - beside).abs().max() < 0.01


def test_the_busier_of_two_spots_is_learned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    small = np.full((1, 64, 64, 3), 90, dtype=np.uint8)
    small[:, :, 32:] = rng.integers(0, 255, (1, 64, 32, 3))
    where = np.zeros((1, 3, 64, 64), dtype=np.float16)
    where[..., 32:] = 1.0
    trainer = X4Trainer(replace(SMALL, choice=32), tmp_path, [Pairs(where, small)])
    latents, _ = trainer.crops(rng)
    assert busyness(small[0, :8, :8]) == 0.0
    assert latents.mean(dim=(1, 2, 3)).min() > 0.4  # of 32 spots some lie where there is much


def test_reduced_takes_the_mean() -> None:
    picture = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    assert reduced(picture).shape == (2, 2, 3)
    assert abs(int(reduced(picture)[0, 0, 0]) - picture[:4, :4, 0].mean()) <= 0.5


def test_it_learns(tmp_path: Path, pools: list[Pool]) -> None:
    trainer = X4Trainer(replace(SMALL, rate=2e-2), tmp_path, plain(pools))

    def error() -> float:
        at, trainer.step = trainer.step, 0  # of the same crops, levels and noise
        with torch.no_grad():
            found = float(trainer.loss())
        trainer.step = at
        return found

    before = error()
    trainer.run(Clock(steps=80), quiet)
    assert error() < 0.8 * before


def test_the_folder_is_one_that_the_studio_enlarges_with(
    tmp_path: Path, pairs: list[Pairs], vae: AutoencoderKL
) -> None:
    trainer = X4Trainer(SMALL, tmp_path / "work", pairs)
    folder = tmp_path / "checkpoints" / "pocket-x4"
    vae.save_pretrained(tmp_path / "vqvae")
    export(trainer, AutoencoderKL.from_pretrained(tmp_path / "vqvae"), folder)
    assert str(tmp_path) not in (folder / "vqvae" / "config.json").read_text()
    model = loaded(tmp_path, "pocket-x4")
    can = model.info.anatomy.can
    assert can.enlarges is not None
    assert (can.enlarges.factor, can.prompt, model.info.family) == (4, False, "ldm")
    assert model.info.card.title == "Pocket x4"
    small = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    stage = staged(model, sampler="ddim", steps=3, width=64, height=64)
    assert enlarged(stage, small).shape == (1, 64, 64, 3)
    pipeline = LDMSuperResolutionPipeline.from_pretrained(folder, use_safetensors=True)
    assert pipeline.unet.config.in_channels == 6
