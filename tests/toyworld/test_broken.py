"""Broken renders are broken where their subject is, and only there."""

import numpy as np
import pytest

from toyworld import Scene, Subject, render
from toyworld.broken import FAULTS, broken, subject_mask
from toyworld.world import FIRST, SECOND

PAIR = Scene((Subject("cat", "red", "medium", "left"), Subject("cup", "blue", "medium", "right")),
             "sand", 4)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("world", [FIRST, SECOND], ids=["first", "second"])
def test_a_lone_subject_is_spoilt(fault, world):
    scene = Scene((Subject("house", "green", "big"),), "sea", 5)
    whole = render(scene, 128, world)
    empty = render(Scene((), "sea", 5), 128, world)
    made = broken(scene, 0, fault, np.random.default_rng(0), 128, world)
    mask = subject_mask(whole, empty)
    error = np.abs(made.astype(int) - whole).mean(axis=-1)
    assert made.shape == whole.shape
    assert (error[mask] > 20).mean() > 0.2, "much of the subject looks otherwise"
    assert error[:20].mean() < 2.0, "the sky above it does not"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_other_subject_stays_whole(fault):
    rest = render(Scene(PAIR.subjects[:1], PAIR.setting, PAIR.seed), 128, SECOND)
    empty = render(Scene((), PAIR.setting, PAIR.seed), 128, SECOND)
    made = broken(PAIR, 1, fault, np.random.default_rng(1), 128, SECOND)
    cat = subject_mask(rest, empty)
    assert cat.mean() > 0.02
    assert np.abs(made.astype(int) - rest)[cat].max() <= 2


def test_chance_decides_alone():
    a = broken(PAIR, 0, "warped", np.random.default_rng(2), 64, SECOND)
    b = broken(PAIR, 0, "warped", np.random.default_rng(2), 64, SECOND)
    c = broken(PAIR, 0, "warped", np.random.default_rng(3), 64, SECOND)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
