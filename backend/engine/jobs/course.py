"""How long a job still takes, over all that is still to do, from how the last one like it went.

A run's parts take very different times: a second stage's steps, inverting two pictures, decoding.
Nobody's formula knows a device's ratios, so they are measured: what a job that ran to its end has
reported, and when, is kept for its shape, and tells the next of that shape what is left. How fast
this one goes against that one is measured as well, in the stage that it is in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.contracts.events import Progress
from backend.contracts.fields import described
from backend.contracts.requests import Request, Runnable
from backend.contracts.settings import Settings

KEPT = 64  # shapes
MEASURED = 0.05  # of a run, before its own speed says more than that of the run before
UNCOUNTED = frozenset({"queued", "loading"})  # whether a model lies in memory is no run's own
_IDLE = frozenset({"prompt", "noise", "output"})  # what a field may affect without costing time
_COUNTS = ("batch_size", "batch_count")

Mark = tuple[str, int]  # stage and step
Shape = tuple[object, ...]


@dataclass(frozen=True)
class Past:
    """A job that ran to its end.

    Attributes:
        at_s: When each mark was reached first, seconds since the first that counts.
        end_s: When it ended.
    """

    at_s: Mapping[Mark, float]
    end_s: float


@dataclass
class Course:
    """What a job has reported so far.

    Attributes:
        before: How the last one like it went; None where there was none.
    """

    before: Past | None = None
    at_s: dict[Mark, float] = field(default_factory=dict[Mark, float])
    _begun_s: float | None = None
    _stage: tuple[str, float, float] = ("", 0.0, 0.0)  # its name, when it began here and then
    _speed: float = 1.0

    def left_s(self, progress: Progress, elapsed_s: float) -> float | None:
        """Takes in a report, and says how much time is left; None where nothing tells.

        Args:
            progress: As it is reported.
            elapsed_s: How long the job has run.
        """
        if progress.stage in UNCOUNTED:
            return None
        if self._begun_s is None:
            self._begun_s = elapsed_s
        mark, here_s = (progress.stage, progress.step), elapsed_s - self._begun_s
        self.at_s.setdefault(mark, here_s)
        then_s = None if self.before is None else self.before.at_s.get(mark)
        if self.before is None or then_s is None:
            return None
        if progress.stage != self._stage[0]:
            self._stage = (progress.stage, here_s, then_s)
        _, began_s, began_then_s = self._stage
        if then_s - began_then_s > MEASURED * self.before.end_s:
            self._speed = (here_s - began_s) / (then_s - began_then_s)
        return max(0.0, self._speed * (self.before.end_s - then_s))

    def over(self, elapsed_s: float) -> Past | None:
        """It has ended, as it should; None where it never told anything that counts."""
        if self._begun_s is None:
            return None
        return Past(dict(self.at_s), elapsed_s - self._begun_s)


class Courses:
    """The last course of each shape. Safe from any thread."""

    def __init__(self) -> None:
        self._past: OrderedDict[Shape, Past] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, request: Runnable) -> Course | None:
        """Of a job that begins; None for what tells its own time, as a training does."""
        if not isinstance(request, Request):
            return None
        with self._lock:
            return Course(self._past.get(shape_of(request.settings)))

    def keep(self, request: Runnable, course: Course, elapsed_s: float) -> None:
        """Of a job that ran to its end, with nothing left out."""
        past = course.over(elapsed_s)
        if past is None or not isinstance(request, Request):
            return
        shape = shape_of(request.settings)
        with self._lock:
            self._past[shape] = past
            self._past.move_to_end(shape)
            while len(self._past) > KEPT:
                self._past.popitem(last=False)


def shape_of(settings: Settings) -> Shape:
    """What settings have in common that take the same time."""
    costly = tuple(
        (name, repr(getattr(settings, name)))
        for name, told in described(type(settings)).items()
        if name in _COUNTS or not (told.affects <= _IDLE or name == "loras")
    )
    return (settings.mode, len(settings.acting_loras), *costly)
