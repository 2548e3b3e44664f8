"""x0 foretold at some steps from those that the model said before: a wrapper of the denoiser.

After Spectrum (2603.01623), which fits Chebyshev polynomials by ridge regression to a network's
features over time. Here they are fitted to x0 itself, so that it is one prediction whatever lies
under it: guidance, LoRAs, a ControlNet, masks and pulls.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import torch

from backend.sampling.types import Denoiser, Level, Schedule, Step, floats

FIRST = 4
"""Steps of a run that are always computed: there the picture's layout is decided."""
LONGEST = 5
"""Most steps in succession that are foretold."""
DEGREE = 3
RIDGE = 0.1
FADING = 0.3
"""Weight of a computed step, for each step that it lies further back."""
WINDOW = 6


def skipped(schedule: Schedule, share: float, first: int = 0) -> frozenset[int]:
    """The steps of a run to foretell: those whose foretelling costs least.

    What a model says moves with the level: between two steps x0 changes by about a third of the
    difference of their sigmas (measured on Pocket, at every level). A step from s to t passes on
    1 - t / s of that. The plan that makes the sum of squares least is found exactly.

    Args:
        schedule: Of the walk.
        share: Of the run's steps, 0..1.
        first: The step that the run begins with.
    """
    levels, last = schedule.levels, schedule.steps - 1
    opening = first + FIRST - 1  # the last step that is computed in any case
    between = last - opening - 1
    wanted = min(round(share * (schedule.steps - first)), between - between // (LONGEST + 1))
    if wanted <= 0:
        return frozenset()
    # best[step][count]: (error, the plan) of so many foretold steps up to a computed `step`.
    best: dict[int, dict[int, tuple[float, int]]] = {opening: {0: (0.0, opening)}}
    for step in range(opening + 1, last + 1):
        found: dict[int, tuple[float, int]] = {}
        for before in range(max(opening, step - LONGEST - 1), step):
            error = _foretelling(levels, before, step)
            for count, (sum_, _) in best[before].items():
                total = count + step - before - 1
                if total <= wanted and sum_ + error < found.get(total, (math.inf, 0))[0]:
                    found[total] = (sum_ + error, before)
        best[step] = found
    computed, count = {last}, wanted
    step = last
    while step > opening:
        before = best[step][count][1]
        count -= step - before - 1
        step = before
        computed.add(step)
    return frozenset(range(opening + 1, last)) - computed


def _foretelling(levels: Sequence[float], before: int, following: int) -> float:
    """Sum of squares that the steps between two computed ones cost."""
    return sum(
        ((1 - levels[i + 1] / levels[i]) * (levels[before] - levels[i])) ** 2
        for i in range(before + 1, following)
    )


def known(before: Iterable[Step], schedule: Schedule) -> dict[int, torch.Tensor]:
    """What stored steps tell of x0, for a run that goes on from them.

    Args:
        before: Of the run that it goes on from, in order.
        schedule: Of both.
    """
    told: dict[int, torch.Tensor] = {}
    for step in before:
        if step.total == schedule.steps and not step.forecast:
            told[step.index] = step.x0
    return told


class Forecast:
    """A denoiser that asks the model at some steps, and foretells x0 (B, C, h, w) at the others.

    Args:
        denoiser: Of the run, with all that acts on x0.
        schedule: Of the walk.
        skip: The steps to foretell.
        past: x0 of computed steps, where the run goes on from stored ones.
        reuse: The last computed x0 is taken as it is.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        schedule: Schedule,
        skip: Collection[int],
        past: Mapping[int, torch.Tensor],
        *,
        reuse: bool = False,
    ) -> None:
        self._denoiser, self._skip, self._past = denoiser, skip, dict(past)
        self._degree = 0 if reuse else DEGREE
        self._window = 1 if reuse else WINDOW
        self._bounds = schedule.bounds
        levels = schedule.levels[: schedule.steps]
        self._index = {level: index for index, level in enumerate(levels)}
        self._times = times(levels)

    def __call__(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        index = None if level.value is None else self._index.get(level.value)
        if index is None:
            return self._denoiser(x, level)
        if index in self._skip and any(step < index for step in self._past):
            return self._foretold(index)
        x0 = self._denoiser(x, level).to(x.dtype)
        # As a step keeps it, so that a run that goes on from one foretells the same.
        self._past[index] = x0 if self._bounds is None else self._bounds(x0)
        for step in sorted(self._past)[:-WINDOW]:
            del self._past[step]
        return x0

    def _foretold(self, index: int) -> torch.Tensor:
        steps = sorted(step for step in self._past if step < index)[-self._window :]
        shares = weights(
            [self._times[step] for step in steps],
            self._times[index],
            [FADING ** (steps[-1] - step) for step in steps],
            self._degree,
        )
        x0 = self._past[steps[-1]] * shares[-1]
        for step, share in zip(steps[:-1], shares[:-1], strict=True):
            x0 = x0 + share * self._past[step]
        return x0


def times(levels: Sequence[float]) -> list[float]:
    """Where each level lies: arctan(sigma / alpha), from 1 at the first to -1 at the last."""
    angles = [math.atan(level) for level in levels]
    low, span = angles[-1], (angles[0] - angles[-1]) or 1.0
    return [2 * (angle - low) / span - 1 for angle in angles]


def weights(
    nodes: Sequence[float], at: float, trust: Sequence[float], degree: int = DEGREE
) -> list[float]:
    """The share of each node's value in the ridge fit's value at another place; 1 in all.

    The constant is not held down, so that what stands still is foretold exactly.

    Args:
        nodes: Where values are known.
        at: Where one is asked for.
        trust: Weight of each in the fit.
        degree: Of the Chebyshev polynomials; lower where there are fewer nodes.
    """
    degree = min(degree, len(nodes) - 1)
    basis, asked = _chebyshev(nodes, degree), _chebyshev([at], degree)
    weighed = basis.T * torch.tensor(trust, dtype=torch.float64)
    held = torch.full((degree + 1,), RIDGE, dtype=torch.float64)
    held[0] = 0.0
    untyped: Any = torch.linalg
    solved: torch.Tensor = untyped.solve(weighed @ basis + held.diag(), weighed)
    return floats((asked @ solved)[0])


def _chebyshev(at: Sequence[float], degree: int) -> torch.Tensor:
    """(places, degree + 1): T_k = cos(k arccos t)."""
    angle = torch.tensor(at, dtype=torch.float64).clamp(-1, 1).arccos()
    return (angle[:, None] * torch.arange(degree + 1, dtype=torch.float64)).cos()
