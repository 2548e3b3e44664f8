"""The VQGAN's trainer, for a few steps of a small network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.toyworld.test_codes_vq import SMALL
from toyworld.codes_gan import GanRecipe, GanTrainer, adaptive_weight, new_critic, perceptual_loss
from toyworld.codes_vq import all_codes, new_model
from toyworld.dataset import Pool
from toyworld.judge import Judge
from toyworld.x4_score import rendered, scenes

RECIPE = GanRecipe(batch=2, crop_px=32, critic_from=1, width=4)


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(1, rendered(scenes(1, 3), 32))


def test_the_decoder_alone_learns_and_goes_on_where_it_was_cut(pool: Pool, tmp_path: Path) -> None:
    model = new_model(SMALL)
    torch.manual_seed(0)
    judge = Judge()
    trainer = GanTrainer(RECIPE, tmp_path, pool, model, judge)
    for _ in range(3):
        trainer._once()
    trainer.save()
    again = GanTrainer(RECIPE, tmp_path, pool, model, judge)
    assert again.step == 3
    assert again._once() == trainer._once()
    made = again.finished()
    assert (all_codes(made, pool.pixels) == all_codes(model, pool.pixels)).all()
    assert torch.equal(made.encoder.conv_in.weight, model.encoder.conv_in.weight)
    assert not torch.equal(made.decoder.conv_out.weight, model.decoder.conv_out.weight)


def test_the_critic_says_something_of_each_patch() -> None:
    assert new_critic(RECIPE)(torch.zeros(2, 3, 32, 32)).shape == (2, 1, 4, 4)


def test_the_judges_features_tell_pictures_apart() -> None:
    torch.manual_seed(0)
    judge, x = Judge().eval(), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert perceptual_loss(judge, x, x) == 0
        assert perceptual_loss(judge, x, -x) > 0.01


def test_the_critic_counts_as_much_as_what_is_kept() -> None:
    last = torch.tensor([1.0, 1.0], requires_grad=True)
    weight = adaptive_weight(6 * last.sum(), 2 * last.sum(), last)
    assert abs(float(weight) - 3.0) < 1e-3
    assert float(adaptive_weight(last.sum(), 0 * last.sum(), last)) == 100.0
