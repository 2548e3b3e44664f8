"""Takes each step of a running job: to the timeline, to the preview, to the progress bar."""

from __future__ import annotations

import math
import time

from backend.engine.job import Job
from backend.engine.timeline import TimelineStore
from backend.events import Progress
from backend.models.preview import Previewer, PreviewMode
from backend.sampling.types import Step
from backend.settings import Settings


class JobSteps:
    """The `StepSink` of one job. No call waits for the device.

    Args:
        job: Whose steps these are.
        timelines: Where they are kept.
        mode: How previews are decoded; "off" keeps the timeline only.
    """

    def __init__(self, job: Job, timelines: TimelineStore, mode: PreviewMode) -> None:
        self.executed = 0
        self._job = job
        self._timelines = timelines
        self._mode: PreviewMode = mode
        self._previewer: Previewer | None = None
        self._size_px = (0, 0)
        self._first: tuple[float, int] | None = None

    def begin(self, settings: Settings, previewer: Previewer) -> None:
        self._previewer = previewer
        columns = math.ceil(math.sqrt(settings.batch_size))
        rows = math.ceil(settings.batch_size / columns)
        assert settings.width is not None and settings.height is not None
        self._size_px = (columns * settings.width, rows * settings.height)
        self._timelines.begin(self._job.token, settings, previewer)

    def step(self, step: Step) -> None:
        assert self._previewer is not None, "begin comes first"
        self.executed += 1
        self._timelines.add(self._job.token, step)
        done = step.index + 1
        if self._mode != "off":
            pixels = self._previewer.start(step.x0, self._mode)
            self._job.previews.offer(
                pixels, done, step.total, self._size_px, final=done == step.total
            )
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)
        since, first = self._first
        eta_s = (now - since) / (done - first) * (step.total - done) if done > first else None
        self._job.report(
            Progress("sampling", done, step.total, round(self._job.elapsed_s, 3), eta_s)
        )
