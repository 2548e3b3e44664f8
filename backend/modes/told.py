"""What observers are told of a training, not more often than they can look."""

from __future__ import annotations

import time

from backend.contracts.events import Progress
from backend.modes.context import Context
from backend.modes.loss_curve import LossCurve

INFORM_EVERY_S = 0.25


class Told:
    """The job's progress, and in its info `training`: the loss curve and what was drawn when.

    Args:
        context: The job's surroundings.
        name: Of what is trained.
    """

    def __init__(self, context: Context, name: str) -> None:
        self._context, self._name = context, name
        self._curve = LossCurve()
        self._validated: list[int] = []
        self._first: tuple[float, int] | None = None
        self._informed = 0.0

    def step(
        self, step: int, total: int, loss: float, *, last: bool, eta_s: float | None = None
    ) -> None:
        """After a step; `eta_s` where the training knows how long it takes by itself."""
        now = time.monotonic()
        self._curve.add(step, loss)
        if self._first is None:
            self._first = now, step
        since, first = self._first
        if eta_s is None and step > first:
            eta_s = (now - since) / (step - first) * (total - step)
        self._context.report(Progress("fitting", step, total, eta_s=eta_s, loss=loss))
        if last or now - self._informed >= INFORM_EVERY_S:
            self._informed = now
            self._inform()

    def validated(self, step: int) -> None:
        """A picture was drawn after `step` steps."""
        self._validated.append(step)
        self._inform()

    def finished(self, **made: str) -> None:
        """What was made, e.g. the LoRA's name."""
        self._inform(**made)

    def _inform(self, **facts: str) -> None:
        self._context.inform(
            {
                "training": {
                    "name": self._name,
                    "losses": self._curve.points,
                    "validated": list(self._validated),
                    **facts,
                }
            }
        )
