"""The stand-in's pictures: the same for the same words, coarse at first, exact at the end."""

from __future__ import annotations

import numpy as np
import pytest

from backend.engine.fake.picture import draw, noise, noised, predicted

SIZE = (96, 64)  # width, height


def test_prompt_seed_and_size_decide_the_picture() -> None:
    first = draw("a red house", 5, *SIZE)
    assert first.shape == (64, 96, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, draw("a red house", 5, *SIZE))
    for other in (draw("a red boat", 5, *SIZE), draw("a red house", 6, *SIZE)):
        assert not np.array_equal(first, other)


@pytest.mark.parametrize(("word", "rgb"), [("red", (214, 69, 65)), ("BLUE", (66, 118, 190))])
def test_a_colour_that_the_prompt_names_is_seen(word: str, rgb: tuple[int, int, int]) -> None:
    picture = draw(f"a {word} house", 1, *SIZE)
    assert (picture == rgb).all(axis=-1).sum() > 50


def test_noise_is_of_the_seed_and_of_unit_size() -> None:
    grain = noise("a", 1, *SIZE)
    assert grain.shape == (64, 96, 3)
    assert np.array_equal(grain, noise("a", 1, *SIZE))
    assert not np.array_equal(grain, noise("a", 2, *SIZE))
    assert abs(grain.mean()) < 0.05
    assert abs(grain.std() - 1) < 0.05


def test_the_prediction_sharpens_until_it_is_the_picture() -> None:
    picture, grain = draw("a boat", 3, *SIZE), noise("a boat", 3, *SIZE)
    off = [
        np.abs(predicted(picture, done, grain).astype(float) - picture).mean()
        for done in (0.0, 0.25, 0.5, 0.75)
    ]
    assert off == sorted(off, reverse=True)
    assert off[0] > 2 * off[-1]
    assert predicted(picture, 1.0, grain) is picture


def test_what_is_sampled_begins_as_noise_and_ends_as_the_picture() -> None:
    picture, grain = draw("a boat", 3, *SIZE), noise("a boat", 3, *SIZE)
    begun = noised(picture, 0.0, grain)
    assert np.array_equal(begun, np.clip(128.0 + 64.0 * grain, 0, 255).astype(np.uint8))
    assert np.array_equal(noised(picture, 1.0, grain), picture)
