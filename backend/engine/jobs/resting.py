"""Jobs that rest: which may, what a resting one goes on with, and where its steps lie meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.requests import Branch, ResolvedRequest, Resumed
from backend.contracts.stored import StoredStep
from backend.engine.jobs.executor import Executor
from backend.engine.jobs.job import Job, Rest
from backend.engine.jobs.lasting import Lasting
from backend.engine.jobs.limits import Limits
from backend.engine.jobs.owners import account_of
from backend.engine.jobs.shelf import Shelf
from backend.engine.jobs.stages import stages_of
from backend.engine.jobs.timeline import KeptStep, TimelineStore
from backend.resolve.live import takes_changes

StepT = TypeVar("StepT", bound=KeptStep)
LOST = "The steps of that run cannot be read any more; stop it and generate it again."


class Rests(Generic[StepT]):
    """The resting jobs of a board. Their steps are pinned; beyond a quota they lie on the disk.

    Args:
        timelines: Hold the steps.
        shelf: Holds the jobs.
        executors: The first makes bytes of steps, and steps of bytes.
        lasting: Keeps the bytes; None keeps all in memory.
        limits: How many may rest, and how much of them memory holds.
    """

    def __init__(
        self,
        timelines: TimelineStore[StepT],
        shelf: Shelf,
        executors: Sequence[Executor[StepT]],
        lasting: Lasting | None,
        limits: Limits,
    ) -> None:
        self._timelines, self._shelf, self._executors = timelines, shelf, executors
        self._lasting, self._limits = lasting, limits

    def check(self, job: Job) -> None:
        """Refuses a job that cannot rest.

        Raises:
            BadInput: Says what to do instead.
        """
        if job.ended_at is not None:
            raise BadInput("That run has ended; branch from one of its steps instead.")
        request = job.request
        if not isinstance(request, ResolvedRequest) or not takes_changes(request.settings):
            raise BadInput("This run cannot be paused; stop it, or let it end.")
        account = account_of(job.owner)
        resting = sum(
            one.state == "paused" and account_of(one.owner) == account for one in self._shelf.all()
        )
        if resting >= self._limits.paused:
            raise BadInput(f"{resting} of your runs are paused already; let one go on, or stop it.")
        full = self._timelines.pinned_bytes() >= self._limits.paused_bytes
        if full and not job.lasting:
            raise BadInput(
                "There is no room for the steps of another paused run; let one go on, or stop it."
            )

    def begin(self, job: Job) -> None:
        """A job rests: what it goes on with stays, also after a restart where it lasts."""
        if job.ended_at is not None:  # stopped a moment ago
            return
        self._timelines.pin(job.token)
        if job.lasting and self._lasting is not None:
            run = self._timelines.get(job.token)
            stored = [] if run is None else run.stored
            self._lasting.rested(job, self._executors[0].pack(stored) if stored else b"")
        self._make_room()

    def again(self, job: Job) -> str:
        """Takes up a job that rested in an earlier process; says why where it cannot go on."""
        assert isinstance(job.request, ResolvedRequest)
        try:
            stored = self._stored(job)
        except UnknownName as error:
            return str(error)
        if stored:
            settings = job.request.runs[(job.rest or Rest()).run]
            self._timelines.put(job.token, stages_of(settings), stored)
            self._make_room()
        return ""

    def resumed(self, job: Job, step: int | None) -> ResolvedRequest:
        """What a resting job goes on with.

        Args:
            job: That rests.
            step: The stored step to go on from; None is the last.

        Raises:
            UnknownName: It has no such step.
        """
        request, rest = job.request, job.rest or Rest()
        assert isinstance(request, ResolvedRequest), "`check` lets no other rest"
        info = self._timelines.info(job.token)
        if step is None and info is None:
            return replace(request, resumed=Resumed(rest.run, None, rest.changes))
        at = info.steps - 1 if step is None and info is not None else step or 0
        stored = self._timelines.load(job.token, at)
        place = stored.step.place_in(stored.stage)
        known = tuple(change for change in rest.changes if change.place <= place)
        return replace(request, resumed=Resumed(rest.run, Branch(job.token, at), known))

    def _make_room(self) -> None:
        """Beyond their quota the steps of resting jobs lie on the disk alone, the oldest first."""
        for token in self._timelines.oldest_pinned():
            if self._timelines.pinned_bytes() <= self._limits.paused_bytes:
                return
            # By the token that it has now: one of an earlier process is not asked for yet.
            job = next((one for one in self._shelf.all() if one.token == token), None)
            if job is not None and job.lasting and job.state == "paused":
                self._timelines.send_away(token, partial(self._stored, job))

    def _stored(self, job: Job) -> list[StoredStep[StepT]]:
        """The steps of a resting job from the disk; raises UnknownName where they are lost."""
        assert self._lasting is not None
        assert isinstance(job.request, ResolvedRequest)
        try:
            data = self._lasting.steps(job)
            run = (job.rest or Rest()).run
            return self._executors[0].unpack(data, job.request, run) if data else []
        except (OSError, ValueError):
            raise UnknownName(LOST) from None
