"""FakeEngine: the Engine's interface without a model, for tests of the page and the API.

Product code, and free of torch: it draws a synthetic picture that sharpens step by step, with a
step time of choice, and fails where the prompt asks it to (see `fake_library.FAILURES`).
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from backend.contracts.errors import BadInput, Cancelled, LoomError, UnknownName
from backend.contracts.events import (
    Output,
    Pixels,
    Preview,
    Progress,
    Record,
    Resident,
    TimelineInfo,
    TokenCount,
)
from backend.contracts.library import Library
from backend.contracts.requests import AnyRequest, Request, TrainLoraRequest, check_pictures
from backend.contracts.settings import MAX_SEED, Settings, XyzGridSettings
from backend.engine.exports.video import mp4
from backend.engine.fake import (
    grid as fake_grid,
)
from backend.engine.fake import (
    picture as fake_picture,
)
from backend.engine.fake import (
    run as fake_run,
)
from backend.engine.fake import (
    training as fake_training,
)
from backend.engine.fake import (
    words as fake_words,
)
from backend.engine.fake.library import FAILURES, GIB, library, native_px
from backend.engine.fake.queue import FakeJob, FakeQueue
from backend.engine.fake.run import frame, levels, run_steps, sigmas
from backend.engine.jobs.protocol import FrameKind, Memory
from backend.storage.wildcards import Wildcards, settled


class SavesPictures(Protocol):
    """The part of `backend.storage.outputs.Storage` that an engine needs."""

    def save_output(self, image: Pixels, record: Record) -> Path:
        """Writes a picture with its record and says where."""
        ...


class FakeEngine(FakeQueue):
    """Implements `backend.engine.jobs.protocol.Engine`.

    Args:
        storage: Where pictures are saved; None keeps them in memory.
        step_time_s: Duration of one model step.
        load_time_s: Duration of the first use of a model.
        grace_s: How long a job runs on unwatched.
        max_waiting: Jobs of one owner that may wait.
        models: Names of the models that it pretends to have.
        wildcards: What prompts may draw from.
    """

    def __init__(
        self,
        *,
        storage: SavesPictures | None = None,
        step_time_s: float = 0.05,
        load_time_s: float = 0.0,
        grace_s: float = 10.0,
        max_waiting: int = 8,
        models: tuple[str, ...] = ("pocket", "studio-xl"),
        wildcards: Wildcards | None = None,
    ) -> None:
        super().__init__(step_time_s, grace_s, max_waiting)
        self._storage = storage
        self._load_time_s = load_time_s
        self._models = models
        self._wildcards = wildcards or Wildcards()
        self._loaded: set[str] = set()
        self._trained: list[str] = []
        self._worker = threading.Thread(target=self._work, name="fake-engine", daemon=True)
        self._worker.start()

    def submit(self, request: AnyRequest, owner: str = "", *, background: bool = False) -> str:
        """Queues a job and returns its token; see the protocol."""
        training = None
        if isinstance(request, TrainLoraRequest):
            if not request.pictures:
                raise BadInput("There are no pictures to learn from; add at least one.", "pictures")
            training, background = request, True
            request = Request(fake_training.drawing(fake_training.resolved(request)), save=False)
        check_pictures(request)
        settings = request.settings.for_pictures(request.images)
        if settings.model not in self._models:
            known = ", ".join(self._models)
            raise UnknownName(
                f"There is no model '{settings.model[:80]}'; there are: {known}.", "model"
            )
        native = native_px(settings.model)
        resolved = settings.resolved(
            native_size=(native, native),
            guidance_scale=4.0,
            seed=secrets.randbelow(MAX_SEED + 1),
            variation_seed=secrets.randbelow(MAX_SEED + 1),
        )
        resolved = self._settled(resolved)
        if (resolved.width or 0) * (resolved.height or 0) > 1536 * 1536:
            raise BadInput(
                "This picture is too large for the memory; 1536x1536 would fit.", "width"
            )
        wanted = replace(request, settings=resolved)
        return self._queued(wanted, owner, background, training)

    def timeline(self, token: str) -> TimelineInfo | None:
        """What is stored of the run."""
        return self.status(token).timeline

    def timeline_frame(
        self, token: str, step: int, kind: FrameKind = "x0", image: int = 0
    ) -> Pixels:
        """The picture after a stored step, drawn anew."""
        info = self.timeline(token)
        if info is None or not 0 <= step < info.steps or not 0 <= image < info.batch:
            raise BadInput("That step is not stored; move the timeline and try again.", "step")
        job = self._jobs[token]
        return frame(job.batch, image, (step + 1) / run_steps(job.batch.settings), kind)

    def timeline_video(self, token: str, image: int = 0, fps: int = 10) -> bytes:
        """An mp4 of x0 | x_t over the steps."""
        info = self.timeline(token)
        if info is None:
            raise BadInput("Nothing of this run is stored; generate first.")
        return mp4(
            (
                np.concatenate(
                    [self.timeline_frame(token, step, kind, image) for kind in ("x0", "xt")], axis=1
                )
                for step in range(info.steps)
            ),
            fps,
        )

    def levels(self, settings: Settings) -> tuple[float, ...]:
        """Evenly from 14.6 to 0."""
        return levels(settings)

    def seconds(self, settings: Settings) -> float | None:
        """Every step takes `step_time_s`."""
        return self.step_time_s * run_steps(settings)

    def count_tokens(self, model: str, text: str) -> TokenCount | None:
        """As if every word and every mark were a token."""
        return fake_words.count(text) if model in self._models else None

    def library(self, *, refresh: bool = False) -> Library:
        """Two models, every sampler, one LoRA, one ControlNet."""
        found = library(self._models)
        return replace(found, loras=(*found.loras, *map(fake_training.lora, self._trained)))

    def memory(self) -> Memory:
        """As if each loaded model held 1 GiB."""
        used = len(self._loaded) * GIB
        residents = tuple(
            Resident((name,), "unet", GIB, 0, False, 0.0) for name in sorted(self._loaded)
        )
        return Memory(used, 16 * GIB, used, 16 * GIB, residents)

    def free_memory(self) -> int:
        """Forgets that models were loaded."""
        freed = len(self._loaded) * GIB
        self._loaded.clear()
        return freed

    def results(self, token: str) -> tuple[Output, ...]:
        """Finished pictures of a job."""
        return self.status(token).outputs

    def close(self) -> None:
        """Stops every job and the worker."""
        with self._changed:
            self._closed = True
            for token in list(self._jobs):
                self.cancel(token)
            self._changed.notify_all()
        self._worker.join(timeout=10)

    def _settled(self, settings: Settings) -> Settings:
        if isinstance(settings, XyzGridSettings):
            for cell in settings.cells():
                settled(cell, self._wildcards)
        return settled(settings, self._wildcards)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                job = self._queue.pop(0)
                self._publish(job, state="running", position=0, progress=Progress("loading"))
            try:
                self._run(job)
            except Cancelled as stop:
                self._end(job, "stopped", str(stop))
            except LoomError as error:
                self._end(job, "failed", str(error))
            except Exception:
                self._end(job, "failed", "Something went wrong inside; please try again.")

    def _run(self, job: FakeJob) -> None:
        settings = job.request.settings
        if settings.model not in self._loaded:
            note = f"Loading {settings.model}"
            self._pause(job, self._load_time_s, Progress("loading", note=note))
            self._loaded.add(settings.model)
        if job.training is not None:
            self._train(job, job.training)
            return
        if isinstance(settings, XyzGridSettings):
            self._run_grid(job, settings)
            return
        begun = time.monotonic()
        ran = 0
        for number in range(settings.batch_count):
            if settings.batch_count > 1:
                batch = settled(settings.batch(number), self._wildcards)
                job.batch = replace(job.request, settings=batch)
            ran += self._run_batch(job, number)
        self._end(job, "done", None, ran, time.monotonic() - begun)

    def _run_batch(self, job: FakeJob, number: int) -> int:
        settings, count = job.batch.settings, job.request.settings.batch_count
        begun = time.monotonic()
        failure = next((e for word, e in FAILURES.items() if word in settings.prompt), None)
        first = job.request.branch.step + 1 if job.request.branch is not None else 0
        total = run_steps(settings)
        for step in range(first, total):
            if failure is not None and step >= total // 2:
                raise failure
            elapsed, done = time.monotonic() - begun, number * total + step
            left = (count * total - done) * self.step_time_s
            self._pause(
                job, self.step_time_s, Progress("sampling", done, count * total, elapsed, left)
            )
            self._show(job, step + 1, number * total, count * total)
        self._finish(job)
        return total - first

    def _run_grid(self, job: FakeJob, settings: XyzGridSettings) -> None:
        """Cell by cell, the sheet as preview; a stop keeps what is done."""
        begun, total, step = time.monotonic(), run_steps(settings), 0
        grid = fake_grid.Grid(settings, self._wildcards)
        outputs: list[Output] = []
        try:
            for place, cell in enumerate(grid.cells):
                request = replace(job.request, settings=cell)
                for own in range(run_steps(cell)):
                    self._pause(
                        job,
                        self.step_time_s,
                        Progress(
                            "sampling",
                            step,
                            total,
                            time.monotonic() - begun,
                            (total - step) * self.step_time_s,
                        ),
                    )
                    step += 1
                    shown = frame(request, 0, (own + 1) / run_steps(cell))
                    with self._changed:
                        job.preview = Preview(
                            step,
                            step,
                            total,
                            fake_picture.jpeg(grid.preview(place, shown), 1024),
                            step == total,
                        )
                        self._publish(job, progress=replace(job.status.progress, step=step))
                image = frame(request, 0, 1.0)
                outputs.append(self._saved(job, grid.cell(place, image)))
                self._publish(job, outputs=tuple(outputs))
        finally:
            if outputs:
                outputs.append(self._saved(job, grid.sheet()))
                self._publish(job, outputs=tuple(outputs))
        self._end(job, "done", None, step, time.monotonic() - begun)

    def _saved(self, job: FakeJob, output: Output) -> Output:
        if self._storage is None or not job.request.save:
            return output
        return replace(output, path=str(self._storage.save_output(output.image, output.record)))

    def _train(self, job: FakeJob, request: TrainLoraRequest) -> None:
        total, begun = fake_training.steps(request), time.monotonic()
        every, validated = max(1, total // 4), list[int]()
        for step in range(1, total + 1):
            left = (total - step) * self.step_time_s
            self._pause(
                job,
                self.step_time_s,
                Progress(
                    "fitting",
                    step,
                    total,
                    time.monotonic() - begun,
                    left,
                    loss=fake_training.loss(step),
                ),
            )
            if step % every == 0:
                validated.append(step)
                made = (*job.status.outputs, fake_training.validation(request, step))
                self._publish(job, outputs=made)
            self._publish(job, info=fake_training.told(request, step, validated))
        self._trained.append(request.settings.name)
        self._publish(
            job, info=fake_training.told(request, total, validated, lora=request.settings.name)
        )
        self._end(job, "done", None, total, time.monotonic() - begun)

    def _show(self, job: FakeJob, done: int, before: int, overall: int) -> None:
        settings = job.batch.settings
        total = run_steps(settings)
        frames = [frame(job.batch, i, done / total) for i in range(settings.picture_count)]
        with self._changed:
            revision = job.preview.revision + 1 if job.preview else 1
            job.preview = Preview(
                revision,
                before + done,
                overall,
                fake_picture.jpeg(fake_picture.grid(frames)),
                before + done == overall,
            )
            self._publish(
                job,
                timeline=TimelineInfo(done, settings.picture_count, sigmas(settings)[:done]),
                progress=replace(
                    job.status.progress,
                    step=before + done,
                    eta_s=(overall - before - done) * self.step_time_s,
                ),
            )

    def _finish(self, job: FakeJob) -> None:
        made = fake_run.outputs(job.batch, len(job.status.outputs))
        outputs = tuple(self._saved(job, output) for output in made)
        self._publish(job, outputs=(*job.status.outputs, *outputs))
