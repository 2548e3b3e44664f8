"""The trainer of `pocket-x4`, for a few steps of a small network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.staged import enlarged as enlarged_by
from tests.staged import loaded, staged
from toyworld.checkpoint import Clock
from toyworld.dataset import Pool
from toyworld.x4 import Recipe, X4Trainer, enlarged, export, reduced
from toyworld.x4_score import rendered, scenes

SMALL = Recipe(channels=(8, 16), crops=((16, 4),))


@pytest.fixture(scope="module")
def pools() -> list[Pool]:
    made = scenes(1, 3)
    return [Pool(1, rendered(made, side)) for side in (32, 64)]


def quiet(line: str) -> None:
    return None


def test_a_crop_stands_beside_its_small_picture(tmp_path: Path, pools: list[Pool]) -> None:
    trainer = X4Trainer(SMALL, tmp_path, pools)
    large, small = trainer.crops(np.random.default_rng(0))
    assert (large.shape, small.shape) == ((4, 3, 16, 16), (4, 3, 4, 4))
    mean = torch.nn.functional.avg_pool2d(large, 4)
    assert (mean - small).abs().max() < 0.01
    assert enlarged(small).shape == large.shape
    assert torch.equal(enlarged(small)[..., 0, 0], small[..., 0, 0])  # corners are aligned


def test_reduced_takes_the_mean() -> None:
    picture = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    assert reduced(picture).shape == (2, 2, 3)
    assert abs(int(reduced(picture)[0, 0, 0]) - picture[:4, :4, 0].mean()) <= 0.5


def test_it_learns(tmp_path: Path, pools: list[Pool]) -> None:
    trainer = X4Trainer(replace(SMALL, rate=2e-2), tmp_path, pools)

    def error() -> float:
        at, trainer.step = trainer.step, 0  # of the same crops, levels and noise
        with torch.no_grad():
            found = float(trainer.loss())
        trainer.step = at
        return found

    before = error()
    trainer.run(Clock(steps=40), quiet)
    assert error() < 0.8 * before


def test_the_folder_is_one_that_the_studio_enlarges_with(tmp_path: Path, pools: list[Pool]) -> None:
    trainer = X4Trainer(SMALL, tmp_path / "work", pools)
    export(trainer, tmp_path / "checkpoints" / "pocket-x4")
    model = loaded(tmp_path, "pocket-x4")
    can = model.info.anatomy.can
    assert can.enlarges is not None
    assert (can.enlarges.factor, can.prompt, model.info.family) == (4, False, "if")
    assert (model.info.card.title, model.spread is not None) == ("Pocket x4", True)
    small = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    stage = staged(model, sampler="ddpm", steps=3, width=64, height=64)
    assert enlarged_by(stage, small).shape == (1, 64, 64, 3)
