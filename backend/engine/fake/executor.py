"""The work of the stand-in: it draws what a model would, step by step, and learns nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from backend.contracts.errors import Cancelled, Skipped
from backend.contracts.events import Output, Pixels, Progress, Stage
from backend.contracts.requests import (
    Request,
    ResolvedRequest,
    TrainDigitsRequest,
    Training,
    TrainLoraRequest,
    VideoRequest,
)
from backend.contracts.settings import Settings, XyzGridSettings, parse
from backend.contracts.settings.steer import SteerFields
from backend.contracts.stored import StoredStep
from backend.engine.fake import digits as fake_digits
from backend.engine.fake import run as fake_run
from backend.engine.fake import training as fake_training
from backend.engine.fake.grid import Grid
from backend.engine.fake.library import FAILURES
from backend.engine.fake.run import frame, run_steps
from backend.engine.fake.steps import DrawnStep
from backend.engine.jobs.executor import Decode, JobRun
from backend.engine.jobs.previews import sheet_px
from backend.engine.jobs.protocol import FrameKind
from backend.engine.jobs.timeline import TimelineStore
from backend.resolve.live import Course

LAB, LOOKS = "lab_", "backend.engine.fake.lab"


@dataclass
class Pretended:
    """What the stand-in pretends to hold.

    Attributes:
        step_time_s: Duration of one model step.
        load_time_s: Duration of the first use of a model.
        loaded: Models that were used.
        trained: LoRAs that were learned.
        grown: Models that were trained from nothing.
    """

    step_time_s: float
    load_time_s: float
    loaded: set[str] = field(default_factory=set[str])
    trained: list[str] = field(default_factory=list[str])
    grown: list[str] = field(default_factory=list[str])


class FakeExecutor:
    """Draws synthetic pictures that sharpen step by step; see `backend.engine.jobs.executor`.

    Args:
        pretended: Its pace, and what it seems to hold.
        timelines: Where its steps are kept.
    """

    def __init__(self, pretended: Pretended, timelines: TimelineStore[DrawnStep]) -> None:
        self._pretended = pretended
        self._timelines = timelines

    def execute(self, run: JobRun) -> None:
        """Draws the pictures of a job, or pretends to train."""
        request = run.job.request
        assert not isinstance(request, VideoRequest), "the board makes videos"
        if isinstance(request, TrainDigitsRequest):
            self._train_digits(run, request)
            return
        if isinstance(request, TrainLoraRequest) or request.settings.needs_model:
            self._load(run, request.settings.model)
        if isinstance(request, TrainLoraRequest):
            self._train(run, request)
        elif isinstance(request.settings, XyzGridSettings):
            self._draw_grid(run, request, request.settings)
        elif request.settings.mode.startswith(LAB):
            self._look(run, request)
        else:
            self._draw_batches(run, request)

    @contextmanager
    def decoding(self, run: JobRun, settings: Settings) -> Generator[Decode[DrawnStep]]:
        """Steps are drawn anew."""
        yield partial(self.glance, settings)

    def glance(self, settings: Settings, step: DrawnStep, kind: FrameKind, image: int) -> Pixels:
        """The picture after a stored step, drawn anew."""
        return frame(step.request, step.images[image], step.done, kind)

    def pack(self, stored: Sequence[StoredStep[DrawnStep]]) -> bytes:
        """What is needed to draw them again, but for their pictures."""
        told = [
            [one.step.index, one.step.request.settings.model_dump(mode="json")] for one in stored
        ]
        return json.dumps(told).encode()

    def unpack(
        self, data: bytes, request: ResolvedRequest, run: int
    ) -> list[StoredStep[DrawnStep]]:
        """The same, of a request with its pictures."""
        alone, mode = request.single(request.runs[run]), request.settings.mode
        return [
            StoredStep(
                0, alone.settings, DrawnStep(replace(alone, settings=parse(mode, told)), index)
            )
            for index, told in json.loads(data)
        ]

    def foresee_s(self, settings: Settings) -> float:
        """Every step takes the same time."""
        return self._pretended.step_time_s * settings.batch_count * run_steps(settings)

    def _look(self, run: JobRun, request: ResolvedRequest) -> None:
        """A look of the Lab, whose stand-in is imported with the first of its kind."""
        steps = import_module(f"{LOOKS}.{request.settings.mode.removeprefix(LAB)}").look(request)
        for step, seen in enumerate(steps):
            run.report(Progress("sampling", step))
            run.pause(self._pretended.step_time_s)
            if seen.facts is not None:
                run.inform({"lab": asdict(seen.facts)})
            for output in seen.outputs:
                run.deliver(output)

    def _load(self, run: JobRun, model: str) -> None:
        if model not in self._pretended.loaded:
            run.report(Progress("loading", note=f"Loading {model}"))
            run.pause(self._pretended.load_time_s)
            self._pretended.loaded.add(model)

    def _draw_batches(self, run: JobRun, request: ResolvedRequest) -> None:
        settings, begun, skipped = request.settings, time.monotonic(), list[int]()
        steps = run_steps(settings)
        made: int | None = None
        for number, before, batch in request.left:
            made = before if made is None else made
            course = Course.of(batch.settings, lambda: run.wishes)
            run.draws(number, course)
            run.job.part(number, len(request.runs))
            of = number * steps, settings.batch_count * steps
            try:
                last = self._draw(run, batch, course, *of, begun)
            except Skipped:
                skipped.append(number)
                run.inform({"skipped": list(skipped)})
                continue
            outputs = fake_run.outputs(last, made, course.noted(batch.settings))
            for output in outputs:
                run.deliver(output)
            made += len(outputs)
        if not made:
            raise Cancelled("All of it was skipped.")
        told = fake_run.facts(settings, [output.image for output in run.job.outputs])
        if told:
            run.inform(told)

    def _draw(
        self,
        run: JobRun,
        batch: Request,
        course: Course,
        before: int,
        total: int,
        begun: float,
    ) -> Request:
        """The steps of one batch; `before` of the job's `total` are done.

        Returns:
            The batch as changes on its way have left it.
        """
        settings, steps = batch.settings, run_steps(batch.settings)
        failure = next((e for word, e in FAILURES.items() if word in settings.prompt), None)
        first = 0 if batch.branch is None else batch.branch.step + 1
        if not (settings.needs_model or fake_run.diffuses(settings)):
            for tile in range(steps):
                self._step(run, before + tile, total, begun, "enlarging")
            return batch
        run.job.pulls.anew()
        past = self._past(batch, first)
        self._timelines.begin(run.job.token, settings)
        for kept in past:
            self._timelines.add(run.job.token, kept)
        for step in range(first, steps):
            if failure is not None and step >= steps // 2:
                raise failure
            if course.reach(fake_run.place(settings, step)):
                batch = replace(batch, settings=course.now(settings))
                made = [each.model_dump(mode="json") for each in course.made]
                run.inform({"changes": made})
            self._step(run, before + step, total, begun)
            kept = DrawnStep(batch, step)
            now = batch.settings
            if isinstance(now, SteerFields) and now.steers and step % now.steer_every == 0:
                losses = [0.5 * (1 - kept.done)] * settings.picture_count
                run.job.pulls.add(step, losses.copy)
            holds = self._timelines.add(run.job.token, kept)
            done = before + step + 1
            size_px = sheet_px(settings.drawn_size, settings.picture_count)
            run.job.previews.offer(
                partial(_frames, kept), done, total, size_px, final=done == total
            )
            self._report(run, done, total, begun)
            if step + 1 < steps:
                run.stepped(kept=holds)
        return batch

    def _past(self, batch: Request, first: int) -> list[DrawnStep]:
        """The steps that a branch goes on from, as its own."""
        if batch.branch is None:
            return []
        token = batch.branch.token
        if batch.branch.fan or self._timelines.get(token) is None:
            return [DrawnStep(batch, step) for step in range(first)]
        stored = [self._timelines.load(token, step).step for step in range(first)]
        return [
            DrawnStep(replace(batch, settings=step.request.settings), step.index) for step in stored
        ]

    def _draw_grid(self, run: JobRun, request: ResolvedRequest, settings: XyzGridSettings) -> None:
        """Cell by cell, the forming one as preview; a stop keeps what is done."""
        begun, total, step = time.monotonic(), run_steps(settings), 0
        grid = Grid(settings, request.runs)
        run.inform(grid.told)
        try:
            for place, cell in enumerate(grid.cells):
                drawn = request.single(cell)
                for own in range(run_steps(cell)):
                    self._step(run, step, total, begun)
                    step += 1
                    done = (own + 1) / run_steps(cell)
                    run.job.previews.offer(
                        partial(_cell, drawn, done),
                        step,
                        total,
                        cell.drawn_size,
                        final=step == total,
                    )
                    self._report(run, step, total, begun)
                run.deliver(grid.cell(place, frame(drawn, 0, 1.0)))
        finally:
            if grid.begun:
                run.deliver(grid.sheet())

    def _train(self, run: JobRun, request: TrainLoraRequest) -> None:
        total, name = fake_training.steps(request), request.settings.name
        validated = self._fit(run, request, total, partial(fake_training.validation, request))
        self._pretended.trained.append(name)
        run.inform(fake_training.told(request, total, validated, lora=name))

    def _train_digits(self, run: JobRun, request: TrainDigitsRequest) -> None:
        total, name = fake_digits.steps(request), request.settings.name
        validated = self._fit(run, request, total, partial(fake_digits.sheet, request))
        self._pretended.grown.append(name)
        run.inform(fake_training.told(request, total, validated, model=name))

    def _fit(
        self, run: JobRun, request: Training, total: int, drawn: Callable[[int], Output]
    ) -> list[int]:
        """The steps of a training; says after which of them it drew."""
        begun = time.monotonic()
        every, validated = max(1, total // 4), list[int]()
        for step in range(1, total + 1):
            left_s = (total - step) * self._pretended.step_time_s
            elapsed_s, loss = time.monotonic() - begun, fake_training.loss(step)
            run.report(Progress("fitting", step, total, elapsed_s, left_s, loss=loss))
            run.pause(self._pretended.step_time_s)
            run.executed += 1
            if step % every == 0:
                validated.append(step)
                run.deliver(drawn(step))
            run.inform(fake_training.told(request, step, validated))
        return validated

    def _step(
        self, run: JobRun, done: int, total: int, begun: float, stage: Stage = "sampling"
    ) -> None:
        self._report(run, done, total, begun, stage)
        run.pause(self._pretended.step_time_s)
        run.executed += 1

    def _report(
        self, run: JobRun, done: int, total: int, begun: float, stage: Stage = "sampling"
    ) -> None:
        left_s = (total - done) * self._pretended.step_time_s
        run.report(Progress(stage, done, total, time.monotonic() - begun, left_s))


def _frames(kept: DrawnStep) -> NDArray[np.uint8]:
    return np.stack([frame(kept.request, i, kept.done) for i in kept.images])


def _cell(request: Request, done: float) -> NDArray[np.uint8]:
    return frame(request, 0, done)[None]
