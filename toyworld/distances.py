"""How far two sets of features lie apart: Frechet distance on principal axes, and KID."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toyworld.frechet import frechet_distance

COMPONENTS = 128


def principal_axes(
    reference: NDArray[np.float64], count: int = COMPONENTS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (D,) and the first principal axes (D, count) of reference features (N, D).

    All 1,280 features of 2,000 pictures would fit a covariance of rank at most 1,999, most of it
    noise; on the first axes two sets of renders come out near nought.
    """
    data = np.asarray(reference, dtype=np.float64)
    mean = data.mean(0)
    _, vectors = np.linalg.eigh(np.cov(data, rowvar=False))
    return mean, vectors[:, ::-1][:, :count].copy()


def frechet_on_axes(
    made: NDArray[np.float64],
    reference: NDArray[np.float64],
    axes: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> float:
    """Frechet distance of two sets of features, both seen along the same axes."""
    mean, vectors = axes
    return frechet_distance((made - mean) @ vectors, (reference - mean) @ vectors)


def kernel_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """KID: the unbiased squared maximum mean discrepancy (1801.01401, section 4).

    The kernel is (x.y / D + 1)^3; two samples of one distribution give about nought, which may be
    negative.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    width = first.shape[1]

    def kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return (x @ y.T / width + 1.0) ** 3

    def within(x: NDArray[np.float64]) -> float:
        values = kernel(x, x)
        return float((values.sum() - np.trace(values)) / (len(x) * (len(x) - 1)))

    return within(first) + within(second) - 2.0 * float(kernel(first, second).mean())
