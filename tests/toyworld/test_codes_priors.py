"""The priors' trainer, for a few steps of small networks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from toyworld import codes_priors
from toyworld.codes_priors import Coded, PriorRecipe, PriorTrainer, new_prior, sampled
from toyworld.dataset import Pool
from toyworld.scene import Scene
from toyworld.x4_score import rendered, scenes

SIZES = {
    "transformer": (("width", 8), ("layers", 1), ("heads", 2)),
    "pixelcnn": (("width", 8), ("layers", 2), ("kernel", 3)),
}


@pytest.fixture
def coded(monkeypatch: pytest.MonkeyPatch) -> Coded:
    """Rows of one code each, which a prior learns fast; prompts say nothing."""
    told = SimpleNamespace(embed=lambda texts, length=40: torch.zeros(len(texts), length, 6))
    monkeypatch.setattr(codes_priors, "Reader", lambda model: told)
    codes = np.repeat(np.arange(16, dtype=np.int16)[None, :, None], 16, axis=2)
    return Coded(Pool(1, rendered(scenes(1, 1), 16)), codes, codes + 16)


@pytest.mark.parametrize("name", SIZES)
def test_it_learns_and_goes_on_where_it_was_cut(name: str, coded: Coded, tmp_path: Path) -> None:
    recipe = PriorRecipe(name=name, batch=2, rate=1e-2, sizes=SIZES[name])
    trainer = PriorTrainer(recipe, tmp_path, coded, tmp_path)
    losses = [trainer._once() for _ in range(12)]
    assert losses[-1] < losses[0] - 0.5
    trainer.save()
    again = PriorTrainer(recipe, tmp_path, coded, tmp_path)
    assert again.step == 12
    assert again._once() == trainer._once()


def test_a_mirrored_scene_has_its_own_codes_and_words(
    coded: Coded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def turned(scene: Scene) -> Scene:
        seen.append(scene)
        return scene

    seen: list[Scene] = []
    monkeypatch.setattr(codes_priors, "mirrored", turned)
    recipe = PriorRecipe(batch=16, untold=0.2, sizes=SIZES["transformer"])
    codes, texts = PriorTrainer(recipe, tmp_path, coded, tmp_path).examples()
    assert codes.shape == (16, 16, 16)
    assert len(texts) == 16
    assert 0 < texts.count("") < 8, "some are learned without words"
    assert 0 < len(seen) == int((codes[:, 0, 0] == 16).sum()) < 16


def test_what_is_sampled_follows_the_seed() -> None:
    prior = new_prior(PriorRecipe(sizes=SIZES["transformer"]), 6).eval()
    context = torch.zeros(2, 32, 6)
    first, second = sampled(prior, context, [1, 2]), sampled(prior, context, [2, 1])
    assert first.shape == (2, 16, 16)
    assert np.array_equal(first[0], second[1])
    assert not np.array_equal(first[0], first[1])
