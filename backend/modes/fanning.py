"""Several pictures from one stored step: what is decided there, and what the later steps decide."""

from __future__ import annotations

from dataclasses import replace

import torch

from backend.sampling.types import NoiseSource, State, Step


def fanned(step: Step, image: int, rows: int, noise: NoiseSource) -> Step:
    """The step as that of so many pictures: x0 + sigma eps with each seed's own noise.

    The first keeps the run's own x bit for bit; the others leave from the same predicted x0. The
    sampler's history is that picture's for all: it tells of x0, which they share.

    Args:
        step: Of the run.
        image: Which of its pictures.
        rows: How many are made.
        noise: Of these, not drawn from yet.
    """
    eps = noise.draw().to(step.x)
    own, x0 = step.x[image : image + 1], step.x0[image : image + 1]
    others = x0 + step.sigma * eps[1:]
    return repeated(step, image, rows, torch.cat([own, others]))


def repeated(step: Step, image: int, rows: int, x: torch.Tensor | None = None) -> Step:
    """One picture's step, so many times over; with another x where one is given."""

    def of(batch: torch.Tensor) -> torch.Tensor:
        if batch.ndim == 0 or len(batch) != len(step.x):
            return batch  # no part of it is a picture's
        return batch[image : image + 1].repeat(rows, *(1,) * (batch.ndim - 1))

    history = {name: of(held) for name, held in step.state.history.items()}
    state = State(history, step.state.draws)
    return replace(step, x=of(step.x) if x is None else x, x0=of(step.x0), state=state)
