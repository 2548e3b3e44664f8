"""What a board is given to run its jobs with, and what a running job is to it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from backend.contracts.errors import Paused
from backend.contracts.events import File, Output, Pixels, Progress
from backend.contracts.requests import Request, ResolvedRequest
from backend.contracts.settings import Settings
from backend.contracts.stored import StoredStep
from backend.engine.jobs.facts import Notes, with_run
from backend.engine.jobs.job import Job
from backend.engine.jobs.protocol import FrameKind
from backend.engine.jobs.saving import Saver
from backend.engine.jobs.timeline import KeptStep
from backend.resolve.live import Course, Wish

StepT = TypeVar("StepT", bound=KeptStep)
StepT_contra = TypeVar("StepT_contra", bound=KeptStep, contravariant=True)


Elsewhere = Callable[[int], Sequence[Output] | None]
Offer = Callable[["JobRun", Sequence[Request]], AbstractContextManager[Elsewhere]]


def _here(part: int) -> None:
    """Nobody else draws."""


@dataclass
class JobRun:
    """A job while a worker runs it: what whoever draws it may ask, and say.

    Attributes:
        job: Whose run it is.
        give_way: Runs the interactive jobs that wait, where this one is in the background.
        saver: Saves results; None keeps them in memory only.
        notes: Its sentences.
        interludes: Entered, the last first, while another job runs in the middle of this one:
            whoever changes a shared model takes the change back there.
        executed: Model steps run.
        number: Which of the request's runs is drawn.
        course: What was changed of it.
        offer: Lets idle workers draw parts of it, see `backend.engine.jobs.sharing`.
    """

    job: Job
    give_way: Callable[[JobRun], None]
    saver: Saver | None
    notes: Notes = field(init=False)
    interludes: list[Callable[[], AbstractContextManager[None]]] = field(
        default_factory=list[Callable[[], AbstractContextManager[None]]]
    )
    executed: int = 0
    number: int = 0
    course: Course = field(default_factory=Course)
    offer: Offer | None = None

    def __post_init__(self) -> None:
        self.notes = Notes(self.job)

    @property
    def wishes(self) -> Sequence[Wish]:
        """What its person has changed since it was asked for, oldest first."""
        return self.job.wishes

    def draws(self, number: int, course: Course) -> None:
        """Which of the request's runs is drawn from here on, and what changes it."""
        self.number, self.course = number, course

    def share(self, parts: Sequence[Request]) -> AbstractContextManager[Elsewhere]:
        """Lets idle workers draw parts of it while the context lasts.

        Args:
            parts: In their order; each a run by itself.

        Returns:
            Asked before each part: what another one has drawn of it, None to draw it here.
        """
        return nullcontext(_here) if self.offer is None else self.offer(self, parts)

    def stepped(self, *, kept: bool) -> None:
        """After each step but a run's last.

        Args:
            kept: The timeline holds all steps so far, so that it can be gone on from here.

        Raises:
            Paused: Its person wants it to rest here.
        """
        if kept and self.job.rests():
            raise Paused

    def check(self) -> None:
        """Before each model call; lets others go first where this job is in the background.

        Raises:
            Cancelled: Stopped by its owner, or its watcher has been gone for the grace period.
            DeadlineExceeded: It has run for too long with nobody watching.
        """
        self.job.check()
        if self.job.background:
            self.give_way(self)
            self.job.check()

    def pause(self, duration_s: float) -> None:
        """Waits, and goes on checking: for work that is done elsewhere, or pretended."""
        until_s = self.job.elapsed_s + duration_s
        self.check()
        while self.job.elapsed_s < until_s:
            self.job.idle(until_s - self.job.elapsed_s)
            self.check()

    def report(self, progress: Progress) -> None:
        """Publishes progress."""
        self.job.report(progress)

    def inform(self, facts: dict[str, Any]) -> None:
        """Adds facts to the job's info."""
        self.notes.inform(facts)

    def tell(self, sentence: str) -> None:
        """Adds a sentence for the person who waits."""
        self.notes.tell(sentence)

    def deliver(self, output: Output) -> None:
        """A finished picture: it is saved, now or later, and observers see it."""
        record = with_run(output.record, self.job.request, self.job.device)
        output = replace(output, record=record)
        problem = ""
        if self.saver is not None and self.job.request.save:
            self.report(replace(self.job.progress, stage="saving"))
            output, problem = self.saver.save(self.job, output)
        self.job.add(output)
        if problem:
            self.tell(problem)

    def attach(self, file: File) -> None:
        """What the job made that is no picture."""
        self.job.attach(file)

    @contextmanager
    def aside(self) -> Generator[None]:
        """What the job changed is taken back, and its time stands, while the context lasts."""
        with self.job.paused(), ExitStack() as stack:
            for pause in reversed(self.interludes):
                stack.enter_context(pause())
            yield


Decode = Callable[[StepT_contra, FrameKind, int], Pixels]


class Executor(Protocol[StepT]):
    """The work of jobs: models on a device, or pictures that are drawn in their place.

    `execute` and `decoding` are called by a worker, one at a time; the others from any thread.
    """

    def execute(self, run: JobRun) -> None:
        """Does a job of pictures or a training; returns once all is delivered.

        Raises:
            LoomError: Why it failed, for the person who waits.
        """
        ...

    def decoding(self, run: JobRun, settings: Settings) -> AbstractContextManager[Decode[StepT]]:
        """Pictures of stored steps in full size, while the context lasts."""
        ...

    def glance(self, settings: Settings, step: StepT, kind: FrameKind, image: int) -> Pixels:
        """The picture of a stored step at once: in full size where that needs neither a wait
        nor a model to be loaded, else as small as the preview."""
        ...

    def pack(self, stored: Sequence[StoredStep[StepT]]) -> bytes:
        """The steps of a run that rests, for a file."""
        ...

    def unpack(self, data: bytes, request: ResolvedRequest, run: int) -> list[StoredStep[StepT]]:
        """The same again.

        Args:
            data: From `pack`.
            request: That rests.
            run: Which of its runs they are of.

        Raises:
            ValueError: The bytes are damaged.
        """
        ...

    def foresee_s(self, settings: Settings) -> float | None:
        """About how long resolved settings take; None where it is not known."""
        ...
