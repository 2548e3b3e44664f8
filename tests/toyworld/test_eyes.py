"""The independent eyes see: an ImageNet network with its own weights."""

import numpy as np
import pytest

from toyworld import Scene, Subject, render
from toyworld.eyes import FEATURES, look, open_eyes

BALLOON = 417  # of ImageNet's classes


@pytest.fixture(scope="module")
def eyes():
    return open_eyes()


def test_a_drawn_balloon_is_a_balloon(eyes):
    """The weights are where they belong: nobody showed this network a drawn world."""
    scenes = [Scene((Subject("balloon", "red", "big"),), "blue sky", i) for i in range(4)]
    features = look(eyes, np.stack([render(s) for s in scenes]), batch=3)
    assert features.shape == (4, FEATURES)
    assert int(eyes.classifier(features).mean(0).argmax()) == BALLOON


def test_batches_change_nothing(eyes):
    pictures = np.stack([render(Scene((Subject("cat", "red"),), "sea", i), 64) for i in range(3)])
    assert look(eyes, pictures, 2).numpy() == pytest.approx(
        look(eyes, pictures, 3).numpy(), abs=1e-4
    )
