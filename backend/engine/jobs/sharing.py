"""Parts of a running job that idle devices draw: its batches, the cells of a grid.

Whoever runs the job goes through its parts from the first on; idle workers take them from the last
on. So when it comes to rest all parts before the present one are done, and none is drawn twice
unless it rests or is stopped.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from backend.contracts.events import Output
from backend.contracts.requests import Request, ResolvedRequest
from backend.engine.jobs.executor import Elsewhere, JobRun
from backend.engine.jobs.job import Job
from backend.engine.jobs.patience import Patience
from backend.engine.jobs.queue import FairQueue

LOOK_S = 0.1  # how long a look at another worker's part takes, between two at one's own Stop


@contextmanager
def shared(run: JobRun, queue: FairQueue[Job], parts: Sequence[Request]) -> Generator[Elsewhere]:
    """Offers all parts but the first to idle workers while the context lasts.

    Args:
        run: Whose parts they are.
        queue: Where idle workers look.
        parts: In their order; each a run by itself.

    Yields:
        What another device has drawn of a part, waiting for it where one does; None where it is
        to be drawn here.
    """
    offers: dict[int, Job] = {}
    if len(queue.seats) > 1:
        for number in range(len(parts) - 1, 0, -1):
            offers[number] = _offer(run.job, parts[number])
            queue.offer(offers[number])

    def elsewhere(number: int) -> Sequence[Output] | None:
        part = offers.get(number)
        if part is None or queue.withdraw(part):
            return None
        while part.ended_at is None:
            run.check()
            part.wait(part.status(0).revision, LOOK_S)
        if part.state != "done":
            return None
        run.executed += part.executed
        for note in part.status(0).info.get("notes", ()):
            run.tell(note)
        return part.outputs

    try:
        yield elsewhere
    finally:
        for part in offers.values():
            if not queue.withdraw(part):
                part.cancel()


def _offer(job: Job, part: Request) -> Job:
    asked = ResolvedRequest(
        part.settings, part.images, part.branch, save=False, runs=(part.settings,)
    )
    made = Job(asked, job.owner, background=True, patience=Patience(math.inf, math.inf))
    made.part_of = job
    return made
