"""What pictures and their records are made of."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from backend.contracts.settings import Txt2ImgSettings
from backend.models.checkpoint import Checkpoint
from backend.modes import record
from tests.modes.test_guide import model, staged

__all__ = ["model"]  # the fixture


def test_a_picture_comes_with_what_draws_it_alone(model: Checkpoint) -> None:
    stage, around = staged(model, batch_size=2, seed=7)
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    made = record.outputs(stage, latents, {"compared": "a"}, first=4, finish=lambda px: 255 - px)
    first = next(made)
    assert first.index == 4
    assert np.array_equal(first.image, 255 - model.codec.decode(latents[:1])[0])
    (second,) = made
    recipes = [Txt2ImgSettings.model_validate(out.record.settings) for out in (first, second)]
    assert [(recipe.seed, recipe.batch_size) for recipe in recipes] == [(7, 1), (8, 1)]
    assert second.index == 5
    assert second.record.extra["compared"] == "a"
    assert second.record.model == {"name": "tiny", "hash": model.hash}
    assert around.checks > 0


def test_pictures_of_a_variation_share_their_seed(model: Checkpoint) -> None:
    stage, _ = staged(model, batch_size=2, seed=7, variation_seed=40, variation_strength=0.2)
    made = list(record.outputs(stage, torch.zeros(2, 4, 8, 8), {}))
    told = [(out.record.settings["seed"], out.record.settings["variation_seed"]) for out in made]
    assert told == [(7, 40), (7, 41)]


def test_a_record_says_what_its_rounding_depends_on(model: Checkpoint) -> None:
    told = record.recorded(staged(model)[0].settings, model, {"point": [0, 1]})
    assert told.mode == "txt2img"
    assert told.extra["point"] == [0, 1]
    assert told.extra["torch"] == torch.__version__
    assert told.extra["threads"] == torch.get_num_threads()
    assert (told.extra["device"], told.extra["dtype"]) == ("cpu", "float32")


def test_pictures_that_went_in_are_named_by_their_pixels() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    wanted = hashlib.sha256(image.tobytes()).hexdigest()
    assert record.input_facts({"mask": image}) == {"mask_sha256": wanted}
