"""Distances of sets of features have known answers."""

import numpy as np
import pytest

from toyworld.distances import frechet_on_axes, kernel_distance, principal_axes


def test_the_axes_are_those_of_the_largest_spread():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((5000, 6)) * (0.1, 3.0, 0.1, 2.0, 0.1, 0.1) + 5.0
    mean, axes = principal_axes(data, 2)
    assert mean == pytest.approx(np.full(6, 5.0), abs=0.2)
    assert np.abs(axes[:, 0]).argmax() == 1
    assert np.abs(axes[:, 1]).argmax() == 3
    assert axes.T @ axes == pytest.approx(np.eye(2), abs=1e-9)


def test_frechet_distance_sees_only_the_axes():
    rng = np.random.default_rng(1)
    base = rng.standard_normal((20_000, 4)) * (3.0, 2.0, 0.1, 0.1)
    axes = principal_axes(base, 2)
    assert frechet_on_axes(base, base, axes) == pytest.approx(0.0, abs=1e-9)
    along, across = base + np.array([2.0, 0, 0, 0]), base + np.array([0, 0, 0, 5.0])
    assert frechet_on_axes(along, base, axes) == pytest.approx(4.0, rel=0.02)
    assert frechet_on_axes(across, base, axes) == pytest.approx(0.0, abs=0.01)


def test_kid_of_one_distribution_is_nought_and_grows_with_a_shift():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 800, 16))
    near = kernel_distance(a, b)
    assert abs(near) < 0.02
    far = kernel_distance(a, b + 0.5)
    farther = kernel_distance(a, b + 1.0)
    assert near < far < farther


def test_kid_is_unbiased():
    """Means of shifted Gaussians under (x.y / D + 1)^3 with D = 1: worked out by hand.

    With x ~ N(a, 1) and y ~ N(b, 1) independent, E (xy + 1)^3 = E x^3 E y^3 + 3 E x^2 E y^2
    + 3 E x E y + 1.
    """

    def expected(a: float, b: float) -> float:
        def moments(m: float) -> tuple[float, float, float]:
            return m, m**2 + 1, m**3 + 3 * m

        return sum(c * p * q for c, p, q in zip((3, 3, 1), moments(a), moments(b), strict=True)) + 1

    wanted = expected(0, 0) + expected(1, 1) - 2 * expected(0, 1)
    rng = np.random.default_rng(3)
    values = [
        kernel_distance(rng.standard_normal((60, 1)), rng.standard_normal((60, 1)) + 1.0)
        for _ in range(600)
    ]
    assert np.mean(values) == pytest.approx(wanted, rel=0.1)
