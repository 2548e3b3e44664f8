"""The Frechet distance of two sets of features (1706.08500, equation 6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def frechet_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Distance of the Gaussians fitted to two sets of features, (N, D) and (M, D).

    |mu_a - mu_b|^2 + tr(A + B - 2 (A B)^(1/2)); the root's trace is taken over the symmetric
    A^(1/2) B A^(1/2), whose eigenvalues are the same.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    offset = first.mean(0) - second.mean(0)
    cov_a, cov_b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ cov_b @ root), 0, None)).sum()
    return float(offset @ offset + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)
