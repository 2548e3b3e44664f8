"""What became of jobs: counted since the start, and told to the program's log, a line each."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

from backend.contracts.requests import (
    Request,
    Runnable,
    TrainDigitsRequest,
    TrainLoraRequest,
    VideoRequest,
)
from backend.engine.jobs.job import Job
from backend.engine.jobs.owners import person_of
from backend.engine.jobs.protocol import Figures

LOGGER = "loom.jobs"
ID_LETTERS = 12  # of the digest that a job is kept under: whoever reads it cannot open the job
log = logging.getLogger(LOGGER)


class Journal:
    """Of one board. Safe from any thread."""

    def __init__(self) -> None:
        self._ended: Counter[tuple[str, str]] = Counter()
        self._steps: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def queued(self, job: Job) -> None:
        """It waits."""
        _tell("queued", job)

    def begun(self, job: Job) -> None:
        """It runs."""
        _tell("begun", job)

    def ended(self, job: Job) -> None:
        """It has ended, in whatever way."""
        elapsed_s, steps = job.elapsed_s, job.progress.total
        model = model_of(job.request)
        with self._lock:
            self._ended[mode_of(job.request), job.state] += 1
            if job.state == "done" and model and steps > 0:
                self._steps[model] += steps
                self._seconds[model] = self._seconds.get(model, 0.0) + elapsed_s
        error = job.status(0).error if job.state == "failed" else None
        _tell(
            job.state,
            job,
            seconds=round(elapsed_s, 3),
            steps=steps,
            pictures=len(job.outputs),
            **({"error": error} if error else {}),
        )

    def figures(self, jobs: Iterable[Job], *, paused: bool) -> Figures:
        """The counts, and what there is now.

        Args:
            jobs: All that are known.
            paused: Whether the queue is.
        """
        now = Counter((mode_of(one.request), one.state) for one in jobs if one.ended_at is None)
        with self._lock:
            steps = {model: (n, self._seconds[model]) for model, n in self._steps.items()}
            return Figures(dict(now), dict(self._ended), steps, paused)


def mode_of(request: Runnable) -> str:
    """The mode, or what else it is."""
    match request:
        case Request():
            return request.settings.mode
        case TrainLoraRequest() | TrainDigitsRequest():
            return request.settings.mode
        case VideoRequest():
            return "video"


def model_of(request: Runnable) -> str:
    """The model that it draws with; empty where it draws with none."""
    return request.settings.model if isinstance(request, Request) else ""


def _tell(event: str, job: Job, **facts: Any) -> None:
    request = job.request
    told: dict[str, Any] = {"event": event, "job": job.key[:ID_LETTERS], "mode": mode_of(request)}
    if model := model_of(request):
        told["model"] = model
    if person := person_of(job.owner):
        told["person"] = person
    if isinstance(request, Request) and event == "queued":
        told["prompt"] = request.settings.prompt  # a log keeps it only where it is asked to
    log.info("%s", event, extra={"loom": told | facts})
