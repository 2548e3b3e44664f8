"""Runs that are shown a small picture: the order of their draws, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.checkpoint import Checkpoint
from backend.modes import enlarging
from backend.modes.guide import make_denoiser
from tests.staged import enlarged, loaded, staged
from tests.tiny import tiny_checkpoint
from tests.tiny_pixels import tiny_x4

SMALL = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)
SIZE = {"width": 96, "height": 64}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    root: Path = tmp_path_factory.mktemp("models")
    tiny_x4(root / "checkpoints" / "x4")
    tiny_checkpoint(root / "checkpoints" / "plain")
    return loaded(root, "x4")


def test_the_pictures_noise_comes_first_and_then_that_of_x(model: Checkpoint) -> None:
    begun = enlarging.begin(staged(model, seed=7, batch_size=2, **SIZE), SMALL, 350)
    for row in (0, 1):
        generator = torch.Generator().manual_seed(7 + row)
        own = torch.randn(1, 3, 16, 24, generator=generator)
        x = torch.randn(1, 4, 16, 24, generator=generator)
        scale = begun.origin.schedule.init_scale
        assert torch.equal(begun.origin.x[row : row + 1], x * scale)
        shown = torch.tensor(SMALL).permute(2, 0, 1) / 127.5 - 1
        # The picture and that noise, by one level, make all of what is shown.
        parts = torch.stack([shown.flatten(), own.flatten()], dim=1)
        seen = begun.beside.channels[row].flatten()[:, None]
        weights = torch.linalg.lstsq(parts, seen).solution
        torch.testing.assert_close(parts @ weights, seen, rtol=0, atol=1e-4)
        assert weights.square().sum() == pytest.approx(1.0, abs=1e-4)
    assert begun.noise.draws == 2
    assert begun.beside.labels is not None
    assert begun.beside.labels.tolist() == [350, 350]


def test_a_picture_for_each_sample(model: Checkpoint) -> None:
    other = 255 - SMALL
    both = enlarged(staged(model, batch_size=2, **SIZE), np.stack([SMALL, other]))
    same = enlarged(staged(model, batch_size=2, **SIZE), SMALL)
    assert np.array_equal(both[0], same[0])
    assert not np.array_equal(both[1], same[1])


def test_what_cannot_be_enlarged_is_refused_by_a_sentence(model: Checkpoint) -> None:
    with pytest.raises(BadInput, match="from 0 to 350, not 351"):
        enlarging.begin(staged(model, **SIZE), SMALL, 351)
    with pytest.raises(BadInput, match="becomes 96x64 px, not 64x64 px"):
        enlarging.begin(staged(model, width=64, height=64), SMALL)
    with pytest.raises(BadInput, match="give it one"):
        enlarging.begin(staged(model, **SIZE), None)
    begun = enlarging.begin(staged(model, **SIZE), SMALL)
    with pytest.raises(BadInput, match="needs the small picture"):
        make_denoiser(staged(model), begun.origin.span)


def test_a_model_that_enlarges_nothing_is_refused(model: Checkpoint) -> None:
    plain = loaded(model.info.path.parents[1], "plain")
    with pytest.raises(BadInput, match="'plain' enlarges no picture"):
        enlarging.begin(staged(plain), SMALL)
