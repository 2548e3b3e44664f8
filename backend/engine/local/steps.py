"""Takes each step of a running job: to the timeline, to the preview, to the progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import torch

from backend.contracts.events import Progress
from backend.contracts.requests import Request
from backend.contracts.settings import Settings
from backend.contracts.workload import later_weight
from backend.engine.jobs.executor import JobRun
from backend.engine.jobs.previews import Frame, sheet_px
from backend.engine.local.kept_steps import TensorStep, Timelines
from backend.models.autoencoder.preview import Previewer, PreviewKind
from backend.models.autoencoder.uint8 import to_bytes
from backend.models.memory.devices import Device
from backend.models.memory.memory_pressure import Way, overcome
from backend.models.memory.side_stream import SideStream
from backend.models.tensors import numbers
from backend.modes.context import MakePreviewer
from backend.sampling.types import Step

SHORT = "Memory was short, so previews are of the fast kind."
TOO_MUCH = "There is not enough memory for a preview; set previews to 'off'."


class JobSteps:
    """The `StepSink` of one job. No call waits for the device, but for the kind `full` on a CPU.

    Args:
        run: The job whose steps these are.
        timelines: Where they are kept.
        kind: How previews are decoded; "off" keeps the timeline only.
    """

    def __init__(self, run: JobRun, timelines: Timelines, kind: PreviewKind) -> None:
        self.begun_at: float | None = None  # on the monotonic clock, the first run's start
        self._run = run
        self._job = run.job
        self._timelines = timelines
        self._kind: PreviewKind = kind
        self._previewer: Previewer | None = None
        self._fast: Previewer | None = None  # draws what the timeline keeps
        self._size_px = (0, 0)
        self._skipped = 0  # steps of the schedule before the run's first
        self._before = 0  # steps of earlier stages
        self._after = 0  # steps of stages to come
        self._done = 0
        self._kept = 0  # steps of the run that the timeline holds
        self._batch, self._batches = 0, 1
        self._first: tuple[float, int] | None = None
        self._side: SideStream | None = None
        self._compose: Callable[[Frame], Frame] | None = None
        request = run.job.request
        self._settings = request.settings if isinstance(request, Request) else None
        self._parts = (0, 0, 1)  # steps done, steps in all, pictures a step is for

    def sheet(
        self, compose: Callable[[Frame], Frame], shape: tuple[tuple[int, int], int], total: int
    ) -> None:
        self._compose, self._size_px = compose, shape[0]
        self._parts = (self._parts[0], total, shape[1])

    def batch(self, number: int, count: int) -> None:
        self._batch, self._batches = number, count
        self._first = None  # a run that was passed over has told nothing of how long the next takes
        self._job.part(number, count)

    def show(self, frames: Frame) -> None:
        (height, width), count = frames.shape[1:3], len(frames)
        size_px = sheet_px((width, height), count)
        self._job.previews.offer(lambda: frames, 0, self._job.progress.total, size_px)

    def begin(
        self, settings: Settings, previewer: MakePreviewer, first: int = 0, after: int = 0
    ) -> None:
        self._before, self._after, self._done = 0, after, 0
        self._kept = 0
        self._job.pulls.anew()
        self._draw_by(previewer)
        self._skipped = first
        self.begun_at = self.begun_at or time.monotonic()
        if self._compose is None:
            self._size_px = sheet_px(settings.drawn_size, settings.picture_count)
            self._timelines.begin(self._job.token, settings)

    def next_stage(
        self, settings: Settings, previewer: MakePreviewer, first: int = 0, after: int = 0
    ) -> None:
        self._before, self._after = self._done, after
        self._draw_by(previewer)
        self._skipped = first
        if self._compose is not None:
            return  # a part of a picture keeps neither size nor timeline
        self._first = None  # a step of another size takes another time
        self._size_px = sheet_px(settings.drawn_size, settings.picture_count)
        self._timelines.next_stage(self._job.token, settings)

    def _draw_by(self, previewer: MakePreviewer) -> None:
        """Previews are of this model's latents from here on."""
        self._previewer = previewer(self._kind)
        self._fast = self._previewer if self._previewer.kind == "fast" else previewer("fast")

    def pulled(self, step: int, losses: torch.Tensor) -> None:
        # Whoever looks waits for the device, if need be; the steps go on.
        self._job.pulls.add(self._before + step, lambda: numbers(losses))

    def replay(self, step: Step) -> None:
        self._done = self._before + step.index + 1 - self._skipped
        self._keep(step)

    def step(self, step: Step) -> None:
        assert self._previewer is not None, "begin comes first"
        self._run.executed += 1
        done = self._done = self._before + step.index + 1 - self._skipped
        here = step.total - self._skipped
        own = self._before + here + self._after
        to_do = self._to_do(here, done - self._before)
        done, total = self._batch * own + done, self._batches * own
        compose = self._compose
        if compose is None:
            self._keep(step)
        else:
            before, total, pictures = self._parts
            done = before + pictures
            self._parts = (done, total, pictures)
        if self._previewer.render is not None:
            frame = self._preview(step.x0)
            if compose is not None:
                frame = partial(_composed, compose, frame)
            self._job.previews.offer(frame, done, total, self._size_px, final=done == total)
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)
        since, first = self._first
        if compose is not None:
            to_do = total - done
        eta_s = (now - since) / (done - first) * to_do if done > first else None
        self._job.report(Progress("sampling", done, total, eta_s=eta_s))
        if self._done < own:
            self._run.stepped(kept=compose is None and self._kept == self._done)

    def _to_do(self, here: int, done: int) -> float:
        """What is left, in steps of the stage that is drawn.

        Args:
            here: Steps of this stage.
            done: Those that are.
        """
        weight = later_weight(self._settings) if self._settings is not None else 1.0
        rest = self._batches - self._batch - 1
        if not self._before:
            later = self._after * weight
            return here - done + later + rest * (here + later)
        return here - done + self._after + rest * (self._before / weight + here + self._after)

    def _keep(self, step: Step) -> None:
        assert self._fast is not None, "begin comes first"
        self._kept += self._timelines.add(self._job.token, TensorStep.of(step, self._fast))

    def _preview(self, x0: torch.Tensor) -> Callable[[], Frame]:
        """The preview of x0; where a decoder runs out of memory, the fast kind from then on."""
        return overcome(self._ways(x0), TOO_MUCH, refused=True)

    def _ways(self, x0: torch.Tensor) -> Iterator[Way[Callable[[], Frame]]]:
        assert self._previewer is not None, "begin comes first"
        assert self._fast is not None, "begin comes first"
        told = ""
        if self._previewer.kind != "fast":
            yield Way(partial(self._frame, self._previewer, x0))
            self._previewer, self._kind, told = self._fast, "fast", SHORT
        yield Way(partial(self._frame, self._previewer, x0), told)

    def _frame(self, previewer: Previewer, x0: torch.Tensor) -> Callable[[], Frame]:
        """The preview of x0, for whoever pulls it.

        The linear map on a CPU is left to the puller: x0 is never written to again. Where the
        device has streams, the map and the copy run on a side stream, and the puller waits for
        its event. A decoder runs here, in the thread and the stream that own the weights.
        """
        assert previewer.render is not None
        device = Device(x0.device)
        if not device.streams:
            if previewer.kind == "fast" and device.is_host:
                return lambda: _rendered(previewer, x0)
            frames = _rendered(previewer, x0)
            return lambda: frames
        if self._side is None:
            self._side = SideStream(device)
        render = previewer.render
        if previewer.beside is None:
            fetched = self._side.fetched(to_bytes, render(x0))
        else:
            fetched = self._side.fetched(
                lambda latents: to_bytes(render(latents)), x0, previewer.beside
            )
        return lambda: fetched().numpy()


def _composed(compose: Callable[[Frame], Frame], frame: Callable[[], Frame]) -> Frame:
    return compose(frame())


def _rendered(previewer: Previewer, x0: torch.Tensor) -> Frame:
    frames = previewer(x0)
    assert frames is not None, "previews that are off are not rendered"
    return frames
