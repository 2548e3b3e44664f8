"""What is kept of finished and running jobs: every step, to scrub and to branch from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from backend.contracts.errors import UnknownName
from backend.contracts.events import TimelineInfo
from backend.contracts.holdings import Holding
from backend.contracts.settings import Settings
from backend.contracts.settings.live import Place
from backend.contracts.stored import StoredStep


class KeptStep(Protocol):
    """A step as an engine keeps it."""

    def place_in(self, stage: int) -> Place:
        """Where it stands: the stage of its run, given as it is kept, and the step of its
        schedule."""
        ...

    @property
    def sigma(self) -> float:
        """Noise level after the step."""
        ...

    @property
    def forecast(self) -> bool:
        """Whether it was foretold, without asking the model."""
        ...

    @property
    def batch(self) -> int:
        """Pictures of the run."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes that keeping it costs."""
        ...

    @property
    def place(self) -> str:
        """The device on which they lie, e.g. "cpu" or "cuda:0"."""
        ...


StepT = TypeVar("StepT", bound=KeptStep)


@dataclass
class Timeline(Generic[StepT]):
    """The stored steps of one run.

    Attributes:
        stages: Settings of each stage so far.
        stored: The steps, in their order.
        over: The run has ended: nothing is added, and the steps may go.
        pinned: The run rests: its steps may not go.
    """

    stages: list[Settings]
    stored: list[StoredStep[StepT]] = field(default_factory=list[StoredStep[StepT]])
    nbytes: int = 0
    over: bool = False
    pinned: bool = False

    @property
    def steps(self) -> list[StepT]:
        """As they are kept."""
        return [stored.step for stored in self.stored]

    def add(self, step: StepT) -> None:
        """A step of the last stage."""
        number = len(self.stages) - 1
        self.stored.append(StoredStep(number, self.stages[number], step))
        self.nbytes += step.nbytes

    def info(self) -> TimelineInfo:
        """What observers are told."""
        steps = self.steps
        return TimelineInfo(
            len(steps),
            steps[0].batch if steps else 0,
            tuple(step.sigma for step in steps),
            tuple(stored.stage for stored in self.stored),
            tuple(number for number, step in enumerate(steps) if step.forecast),
        )


Fetch = Callable[[], list[StoredStep[StepT]]]


@dataclass(frozen=True)
class _Away(Generic[StepT]):
    """A run that rests on the disk."""

    info: TimelineInfo
    stages: list[Settings]
    fetch: Fetch[StepT]


class TimelineStore(Generic[StepT]):
    """Timelines by job token, the oldest runs dropped first when the budget is full.

    Args:
        budget_bytes: For all runs together; a run that alone exceeds it keeps its first steps.
    """

    def __init__(self, budget_bytes: int = 512 * 2**20) -> None:
        self._budget = budget_bytes
        self._runs: OrderedDict[str, Timeline[StepT]] = OrderedDict()
        self._away: dict[str, _Away[StepT]] = {}
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all stored steps."""
        with self._lock:
            return sum(run.nbytes for run in self._runs.values())

    def begin(self, token: str, settings: Settings) -> None:
        """A run begins; what an earlier one of the same job stored is dropped."""
        with self._lock:
            self._runs[token] = Timeline[StepT]([settings])
            self._runs.move_to_end(token)

    def next_stage(self, token: str, settings: Settings) -> None:
        """The steps added from now on belong to another stage."""
        with self._lock:
            if (run := self._runs.get(token)) is not None:
                run.stages.append(settings)

    def add(self, token: str, step: StepT) -> bool:
        """Stores a step, by reference; says whether there was room."""
        with self._lock:
            run = self._runs.get(token)
            if run is None:
                return False
            total = sum(other.nbytes for other in self._runs.values()) + step.nbytes
            for old in [token for token, run in self._runs.items() if not run.pinned]:
                if total <= self._budget or old == token:
                    break
                total -= self._runs.pop(old).nbytes
            if total > self._budget:
                return False
            run.add(step)
            return True

    def pin(self, token: str) -> None:
        """The run rests: its steps stay until it goes on."""
        with self._lock:
            if (run := self._runs.get(token)) is not None:
                run.pinned = True

    def put(self, token: str, stages: Sequence[Settings], stored: list[StoredStep[StepT]]) -> None:
        """A run that rests, as it was kept."""
        run = Timeline[StepT](list(stages), stored, sum(one.step.nbytes for one in stored))
        run.pinned = True
        with self._lock:
            self._runs[token] = run

    def send_away(self, token: str, fetch: Fetch[StepT]) -> None:
        """A run that rests leaves the memory; `fetch` brings its steps back when they are asked
        for."""
        with self._lock:
            run = self._runs.pop(token)
            self._away[token] = _Away(run.info(), run.stages, fetch)

    def oldest_pinned(self) -> list[str]:
        """The runs that rest and lie in memory, the oldest first."""
        with self._lock:
            return [token for token, run in self._runs.items() if run.pinned]

    def _back(self, token: str) -> None:
        """Brings a run back that was sent away."""
        with self._lock:
            away = self._away.get(token)
        if away is None:
            return
        stored = away.fetch()
        self.put(token, away.stages, stored)
        with self._lock:
            self._away.pop(token, None)

    def pinned_bytes(self) -> int:
        """Bytes of the runs that rest, in memory."""
        with self._lock:
            return sum(run.nbytes for run in self._runs.values() if run.pinned)

    def end(self, token: str) -> None:
        """The run has ended; its steps stay until their room is needed."""
        with self._lock:
            self._away.pop(token, None)
            if (run := self._runs.get(token)) is not None:
                run.over, run.pinned = True, False

    def get(self, token: str) -> Timeline[StepT] | None:
        """The run of that job, None when nothing is kept of it."""
        self._back(token)
        with self._lock:
            return self._runs.get(token)

    def info(self, token: str) -> TimelineInfo | None:
        """What is stored of a run, None when nothing is."""
        with self._lock:
            if (away := self._away.get(token)) is not None:
                return away.info
            run = self._runs.get(token)
            return run.info() if run is not None and run.stored else None

    def load(self, token: str, step: int) -> StoredStep[StepT]:
        """A stored step, to show or to branch from.

        Raises:
            UnknownName: The run is not kept any more, or has no such step.
        """
        run = self.get(token)
        if run is None:
            raise UnknownName(
                "The steps of that run are no longer kept; generate it again to branch from it."
            )
        count = len(run.stored)
        if not 0 <= step < count:
            raise UnknownName(f"That run kept {count} steps; choose one from 1 to {count}.")
        return run.stored[step]

    def rename(self, before: str, token: str) -> None:
        """The job has another token."""
        with self._lock:
            if (run := self._runs.pop(before, None)) is not None:
                self._runs[token] = run
            if (away := self._away.pop(before, None)) is not None:
                self._away[token] = away

    def drop(self, token: str) -> None:
        """Forgets a run."""
        with self._lock:
            self._runs.pop(token, None)
            self._away.pop(token, None)

    # --- on the ledger -----------------------------------------------------------------------

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of the stored steps, by the place where they lie."""
        with self._lock:
            steps = [step for run in self._runs.values() for step in run.steps]
        places = sorted({step.place for step in steps})
        return tuple(
            Holding("timelines", place, sum(step.nbytes for step in steps if step.place == place))
            for place in places
        )

    def release(self, place: str = "") -> int:
        """Drops the runs that have ended, and returns the bytes given back.

        Args:
            place: Those alone that lie there; "" is anywhere.
        """
        with self._lock:
            gone = [
                token
                for token, run in self._runs.items()
                if run.over and (not place or any(step.place == place for step in run.steps))
            ]
            return sum(self._runs.pop(token).nbytes for token in gone)
