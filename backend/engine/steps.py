"""Takes each step of a running job: to the timeline, to the preview, to the progress bar."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from backend.engine.job import Job
from backend.engine.previews import Frame
from backend.engine.timeline import TimelineStore
from backend.events import Progress
from backend.models.preview import Previewer, PreviewKind
from backend.modes.context import MakePreviewer
from backend.sampling.types import Step
from backend.settings import Settings


class JobSteps:
    """The `StepSink` of one job. No call waits for the device, but for the kind `full` on a CPU.

    Args:
        job: Whose steps these are.
        timelines: Where they are kept.
        kind: How previews are decoded; "off" keeps the timeline only.
    """

    def __init__(self, job: Job, timelines: TimelineStore, kind: PreviewKind) -> None:
        self.executed = 0
        self._job = job
        self._timelines = timelines
        self._kind: PreviewKind = kind
        self._previewer: Previewer | None = None
        self._size_px = (0, 0)
        self._skipped = 0
        self._first: tuple[float, int] | None = None
        self._side: torch.cuda.Stream | None = None

    def begin(self, settings: Settings, previewer: MakePreviewer, first: int = 0) -> None:
        self._previewer = previewer(self._kind)
        self._skipped = first
        columns = math.ceil(math.sqrt(settings.picture_count))
        rows = math.ceil(settings.picture_count / columns)
        width, height = settings.drawn_size
        self._size_px = (columns * width, rows * height)
        self._timelines.begin(self._job.token, settings, previewer("fast"))

    def replay(self, step: Step) -> None:
        self._timelines.add(self._job.token, step)

    def step(self, step: Step) -> None:
        assert self._previewer is not None, "begin comes first"
        self.executed += 1
        self._timelines.add(self._job.token, step)
        done = step.index + 1 - self._skipped
        total = step.total - self._skipped
        if self._previewer.render is not None:
            frame = self._frame(self._previewer, step.x0)
            self._job.previews.offer(
                frame, done, total, self._size_px, final=done == total
            )
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)
        since, first = self._first
        eta_s = (now - since) / (done - first) * (total - done) if done > first else None
        self._job.report(Progress("sampling", done, total, eta_s=eta_s))

    def _frame(self, previewer: Previewer, x0: torch.Tensor) -> Callable[[], Frame]:
        """The preview of x0, for whoever pulls it.

        The linear map on a CPU is left to the puller: x0 is never written to again. On a GPU the
        map and the copy run on a side stream, and the puller waits for its event. A decoder on a
        CPU runs here, in the thread that owns the device.
        """
        if x0.device.type == "cuda":
            return self._frame_from_side_stream(previewer, x0)
        if previewer.kind == "fast" and x0.device.type == "cpu":
            return lambda: _rendered(previewer, x0)
        frames = _rendered(previewer, x0)
        return lambda: frames

    def _frame_from_side_stream(
        self, previewer: Previewer, x0: torch.Tensor
    ) -> Callable[[], Frame]:
        assert previewer.render is not None
        if self._side is None:
            self._side = torch.cuda.Stream(x0.device)
        self._side.wait_stream(torch.cuda.current_stream(x0.device))
        with torch.cuda.stream(self._side):
            x0.record_stream(self._side)
            pixels = previewer.render(x0).mul(0.5).add(0.5).clamp(0, 1).mul(255).round()
            host = pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()
            host = torch.empty(host.shape, dtype=host.dtype, pin_memory=True).copy_(
                host, non_blocking=True
            )
            arrived = torch.cuda.Event()
            arrived.record(self._side)

        def wait() -> Frame:
            arrived.synchronize()
            return host.numpy()

        return wait


def _rendered(previewer: Previewer, x0: torch.Tensor) -> Frame:
    frames = previewer(x0)
    assert frames is not None, "previews that are off are not rendered"
    return frames
