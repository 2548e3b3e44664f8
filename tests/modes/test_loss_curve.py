"""The losses of a training, in as few points as a plot shows."""

from __future__ import annotations

import pytest

from backend.modes.loss_curve import MAX_POINTS, LossCurve


def test_few_losses_are_kept_as_they_are() -> None:
    curve = LossCurve()
    for step in range(1, 6):
        curve.add(step, step / 10)
    assert curve.points == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4), (5, 0.5)]


@pytest.mark.parametrize("count", [MAX_POINTS + 1, 1000, 5001])
def test_many_are_averaged_to_a_bounded_number_without_losing_any(count: int) -> None:
    curve = LossCurve()
    for step in range(1, count + 1):
        curve.add(step, float(step))
    points = curve.points
    assert len(points) <= MAX_POINTS
    assert points[-1][0] == count
    steps = [0, *(step for step, _ in points)]
    assert steps == sorted(set(steps))
    total = sum(mean * (last - before) for before, (last, mean) in zip(steps, points, strict=False))
    assert total == pytest.approx(count * (count + 1) / 2)  # each step counts once
