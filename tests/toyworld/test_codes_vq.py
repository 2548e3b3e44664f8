"""The VQ-VAE's trainer, for a few steps of a small network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from toyworld.checkpoint import Clock
from toyworld.codes_vq import (
    CodesTrainer,
    Recipe,
    all_codes,
    cells_of,
    centres,
    codes_of,
    encoded,
    new_model,
    perplexity,
    pictures_of,
    psnr_db,
    used_share,
)
from toyworld.dataset import Pool
from toyworld.grow import deep_autoencoder
from toyworld.x4_score import rendered, scenes

SMALL = Recipe(
    channels=(8, 8), latent=4, width=4, codes=8, batch=2, crop_px=16, open_steps=3,
    restart_every=2, restart_until=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(1, rendered(scenes(1, 3), 32))


def quiet(line: str) -> None:
    return None


def test_it_begins_with_the_outer_levels() -> None:
    deep = deep_autoencoder((8, 8, 16), 4)
    ours = new_model(SMALL, deep)
    assert torch.equal(ours.encoder.conv_in.weight, deep.encoder.conv_in.weight)
    assert torch.equal(ours.decoder.conv_out.weight, deep.decoder.conv_out.weight)


def test_a_run_that_was_cut_is_the_run(pool: Pool, tmp_path: Path) -> None:
    runs = [CodesTrainer(SMALL, tmp_path / name, pool) for name in ("whole", "cut")]
    for trainer in runs:
        for _ in range(4):
            trainer._once()
    runs[1].save()
    runs[1] = CodesTrainer(SMALL, tmp_path / "cut", pool)
    assert runs[1].step == 4
    for trainer in runs:
        for _ in range(3):
            trainer._once()
    for ours, theirs in zip(*(trainer.net.parameters() for trainer in runs), strict=True):
        assert torch.equal(ours, theirs)


def test_codes_are_laid_where_cells_are(pool: Pool, tmp_path: Path) -> None:
    trainer = CodesTrainer(SMALL, tmp_path, pool)
    trainer.run(Clock(steps=8), quiet)
    assert trainer.step == 8
    codes = all_codes(trainer.net.eval(), pool.pixels)
    assert codes.shape == (3, 16, 16)
    assert used_share(codes, 8) > 0.5
    assert 1 <= perplexity(codes, 8) <= 8
    made = pictures_of(trainer.net, codes)
    assert made.shape == pool.pixels.shape
    assert 0 < psnr_db(trainer.net, pool.pixels) < 60


def test_a_dead_code_is_laid_anew(pool: Pool, tmp_path: Path) -> None:
    trainer = CodesTrainer(SMALL, tmp_path, pool)
    trainer.step = SMALL.open_steps
    trainer.lay_codes()
    book = trainer.net.quantize.embedding.weight
    with torch.no_grad():
        book[3] = 1e3
    trainer.step += 2
    trainer.lay_codes()
    assert book[3].abs().max() < 1e2
    place = [weight is book for weight in trainer.net.parameters()].index(True)
    assert torch.equal(trainer._average[place], book)


def test_the_nearest_code_stands_for_a_cell() -> None:
    model = new_model(SMALL)
    with torch.no_grad():
        model.quantize.embedding.weight.normal_()
        x = torch.randn(2, 3, 16, 16)
        cells = encoded(model, x)
        codes = codes_of(model, cells)
        assert torch.equal(codes.flatten(), model.quantize(cells)[2][2])
        assert torch.equal(codes_of(model, cells_of(model, codes)), codes)


def test_centres_of_what_lies_apart() -> None:
    apart = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    cells = apart.repeat(20, 1) + 0.1 * torch.randn(60, 2, generator=torch.Generator())
    found = min(
        (torch.cdist(centres(cells, 3, seed), apart).min(dim=0).values.max() for seed in range(5)),
        key=float,
    )
    assert found < 0.2


def test_how_even_the_use_of_a_codebook_is() -> None:
    even = np.arange(8).reshape(1, 2, 4)
    assert used_share(even, 16) == 0.5
    assert abs(perplexity(even, 16) - 8) < 1e-9
