"""Told apart: how well a fixed classifier tells made pictures from renders that came back from
the autoencoder. Half is chance, and what a model of the world aims for.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

STEPS = 400
RATE = 1e-2
WEIGHT_DECAY = 0.1
SEED = 3
MUST_REACH = 0.97
"""On the first weights; a classifier that cannot tell those is no judge."""


def told_apart(made: NDArray[np.float32], real: NDArray[np.float32]) -> float:
    """Share of unseen pictures that a linear classifier of features puts on the right side.

    It learns from a random half of each set and is asked about the other half.

    Args:
        made: (N, D) features of made pictures.
        real: (N, D) features of reconstructed renders.

    Raises:
        ValueError: The sets differ in size, or there are fewer than four of each.
    """
    if len(made) != len(real) or len(made) < 4:
        raise ValueError(f"Give as many of each, at least four: {len(made)} and {len(real)} came.")
    order = np.random.default_rng(SEED).permutation(len(made))
    half = len(made) // 2
    seen, unseen = order[:half], order[half:]
    learned = torch.from_numpy(np.concatenate((made[seen], real[seen]))).float()
    asked = torch.from_numpy(np.concatenate((made[unseen], real[unseen]))).float()
    mean, deviation = learned.mean(0), learned.std(0) + 1e-3
    learned, asked = (learned - mean) / deviation, (asked - mean) / deviation
    answers = torch.cat((torch.ones(len(seen)), torch.zeros(len(seen))))
    right = torch.cat((torch.ones(len(unseen)), torch.zeros(len(unseen))))
    weight = torch.zeros(made.shape[1], requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.AdamW((weight, bias), lr=RATE, weight_decay=WEIGHT_DECAY)
    for _ in range(STEPS):
        loss = F.binary_cross_entropy_with_logits(learned @ weight + bias, answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return float(((asked @ weight + bias > 0) == right.bool()).float().mean())
