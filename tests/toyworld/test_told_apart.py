"""A fixed classifier tells what differs, and is at chance where nothing does."""

import numpy as np
import pytest

from toyworld.told_apart import told_apart


def test_alike_sets_are_at_chance():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 600, 20)).astype(np.float32)
    assert told_apart(a, b) == pytest.approx(0.5, abs=0.07)


def test_different_sets_are_told_apart():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 600, 20)).astype(np.float32)
    a[:, 3] += 5.0
    assert told_apart(a, b) > 0.97


def test_it_answers_the_same_each_time():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 200, 20)).astype(np.float32)
    a[:, 0] += 1.0
    assert told_apart(a, b) == told_apart(a, b)


def test_it_is_asked_about_pictures_it_has_not_learned_from():
    """Of many features and few pictures a linear classifier learns everything by heart."""
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 100, 500)).astype(np.float32)
    assert told_apart(a, b) == pytest.approx(0.5, abs=0.15)


def test_sets_of_different_size_are_refused():
    with pytest.raises(ValueError, match="as many of each"):
        told_apart(np.zeros((5, 3), np.float32), np.zeros((6, 3), np.float32))
