"""The losses of a training, as few points as a plot can show."""

from __future__ import annotations

MAX_POINTS = 400


class LossCurve:
    """Takes a loss a step; neighbours are averaged once there are too many."""

    def __init__(self) -> None:
        self._points: list[tuple[int, float, int]] = []  # last step, mean, steps in it
        self._width = 1

    def add(self, step: int, loss: float) -> None:
        """The loss of step `step`; steps come in order."""
        if self._points and self._points[-1][2] < self._width:
            self._points[-1] = _merged(self._points[-1], (step, loss, 1))
        else:
            self._points.append((step, loss, 1))
        if len(self._points) > MAX_POINTS:
            self._width *= 2
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            odd = self._points[-1:] if len(self._points) % 2 else []
            self._points = [_merged(first, second) for first, second in pairs] + odd

    @property
    def points(self) -> list[tuple[int, float]]:
        """(step, mean loss up to it since the point before), at most `MAX_POINTS`."""
        return [(step, round(mean, 6)) for step, mean, _ in self._points]


def _merged(
    first: tuple[int, float, int], second: tuple[int, float, int]
) -> tuple[int, float, int]:
    count = first[2] + second[2]
    return second[0], (first[1] * first[2] + second[1] * second[2]) / count, count
