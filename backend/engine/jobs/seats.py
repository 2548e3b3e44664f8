"""The workers of a board as its queue sees them: what each takes, and who is given which job.

Between people the queue's turns decide. Within a bound a job that finds its model loaded may
overtake those that would have to load theirs; the bound is on the overtaken: three times, or 30 s
after the first, and the load is paid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar
from weakref import WeakSet

OVERTAKES = 3  # jobs that one may overtake, and times that one is overtaken
OVERTAKEN_S = 30.0  # after which one that was overtaken is next

T = TypeVar("T")


def _takes_all(job: object) -> bool:
    return True


def _nothing_loaded() -> int:
    return 0


def _never_lost(error: BaseException) -> str:
    return ""


def _ready() -> None:
    """Nothing is to be done in the worker's thread before its first job."""


@dataclass(eq=False)
class Seat(Generic[T]):
    """A worker.

    Attributes:
        name: Of its device, e.g. "cuda:1"; "" where there is one device alone.
        holds: Whether a job finds its model whole there; answers at once.
        model: The model that a job needs; "" without any.
        loaded: How many models are there; answers at once.
        lost: Asked after a failure: why the device can be used no more, "" where it can.
        room_bytes: Memory of the device; 0 where it is the same for all.
        ready: Called in the worker's own thread, before its first job.
        drained: An owner lets no job begin there.
        failed: Why it was taken out; "" while it was not.
        pinned: The one model whose jobs run there; "" takes all.
        now: The job that runs there.
        avoids: Jobs that did not fit there.
    """

    name: str = ""
    holds: Callable[[T], bool] = _takes_all
    model: Callable[[T], str] = lambda job: ""
    loaded: Callable[[], int] = _nothing_loaded
    lost: Callable[[BaseException], str] = _never_lost
    room_bytes: int = 0
    ready: Callable[[], None] = _ready
    drained: bool = False
    failed: str = ""
    pinned: str = ""
    now: T | None = None
    avoids: WeakSet[T] = field(default_factory=WeakSet[T])
    # The queue's own.
    idle: bool = False
    given: T | None = None

    @property
    def open(self) -> bool:
        """Whether it takes jobs."""
        return not self.drained and not self.failed

    def takes(self, job: T) -> bool:
        """Whether this job may run there."""
        if not self.open or job in self.avoids:
            return False
        return not self.pinned or self.model(job) in ("", self.pinned)


class Passed(NamedTuple):
    """How a waiting job was overtaken.

    Attributes:
        times: How often.
        since_s: When it was first, on the queue's clock.
    """

    times: int
    since_s: float

    def is_due(self, now_s: float) -> bool:
        """Whether nobody may overtake it any more."""
        return self.times >= OVERTAKES or now_s - self.since_s >= OVERTAKEN_S


class Placed(NamedTuple, Generic[T]):
    """Who runs what.

    Attributes:
        seat: The worker.
        job: Its next job.
        overtaken: Those in front of it.
    """

    seat: Seat[T]
    job: T
    overtaken: tuple[T, ...] = ()


def place(
    window: Sequence[T], idle: Sequence[Seat[T]], is_due: Callable[[T], bool]
) -> Placed[T] | None:
    """The next pair of a job and a worker; None where none go together.

    Args:
        window: The first jobs that wait, in the order of their turns.
        idle: Workers with nothing to do.
        is_due: Whether a job may be overtaken no more.
    """
    for number, job in enumerate(window):
        for seat in idle:
            if not seat.takes(job) or not seat.holds(job):
                continue
            before = tuple(one for one in window[:number] if seat.takes(one))
            if not any(map(is_due, before)):
                return Placed(seat, job, before)
    for job in window:
        able = [seat for seat in idle if seat.takes(job)]
        if able:  # the one with the least to give up loads
            return Placed(min(able, key=lambda seat: seat.loaded()), job)
    return None


class Seats(Generic[T]):
    """All workers of a queue, which holds its lock around every call but `named`."""

    def __init__(self) -> None:
        self.all: list[Seat[T]] = []
        self._passed: dict[int, Passed] = {}  # by the job's identity

    def named(self, name: str) -> Seat[T] | None:
        """The worker of that device."""
        return next((seat for seat in self.all if seat.name == name), None)

    def idle(self) -> list[Seat[T]]:
        """Workers that a job may be given to."""
        return [seat for seat in self.all if seat.idle and seat.given is None and seat.open]

    def place(self, window: Sequence[T], idle: Sequence[Seat[T]], now_s: float) -> Placed[T] | None:
        """As the function, and notes who is overtaken."""
        if len(self.all) == 1:  # with one device the turns alone decide
            window = window[:1]
        found = place(window, idle, lambda job: self._due(job, now_s))
        if found is None:
            return None
        for one in found.overtaken:
            times, since_s = self._passed.get(id(one), (0, now_s))
            self._passed[id(one)] = Passed(times + 1, since_s)
        self.forget(found.job)
        return found

    def forget(self, job: T) -> None:
        """The job waits no more."""
        self._passed.pop(id(job), None)

    def _due(self, job: T, now_s: float) -> bool:
        passed = self._passed.get(id(job))
        return passed is not None and passed.is_due(now_s)
