"""FakeEngine: the Engine's interface without a model, for tests of the page and the API.

Product code, and free of torch: it draws a synthetic picture that sharpens step by step, with a
step time of choice, and fails where the prompt asks it to (see `fake_library.FAILURES`).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from backend.engine import fake_grid, fake_morph, fake_picture, fake_training, fake_words
from backend.engine.fake_library import FAILURES, GIB, library, native_px
from backend.engine.protocol import FrameKind, Library, Memory
from backend.engine.video import mp4
from backend.errors import (
    BadInput,
    Cancelled,
    LoomError,
    QueueFull,
    UnknownName,
)
from backend.events import (
    JobStatus,
    Output,
    Pixels,
    Preview,
    Progress,
    Record,
    Resident,
    TimelineInfo,
    TokenCount,
)
from backend.lora_settings import FootprintSettings, LoraPadSettings
from backend.pictures import canvas
from backend.requests import AnyRequest, Request, TrainLoraRequest, check_pictures
from backend.settings import (
    MAX_SEED,
    Img2ImgSettings,
    LoraMixSettings,
    MorphSettings,
    Settings,
    StyleTransferSettings,
    Txt2ImgSettings,
    XyzGridSettings,
)
from backend.wildcards import Wildcards, settled

_KEPT_JOBS = 64
_HASH = "0" * 10


class SavesPictures(Protocol):
    """The part of `backend.storage.Storage` that an engine needs."""

    def save_output(self, image: Pixels, record: Record) -> Path:
        """Writes a picture with its record and says where."""
        ...


@dataclass
class _Job:
    request: Request
    batch: Request  # the one that runs, of several
    owner: str
    background: bool
    status: JobStatus
    watched_at: float
    training: TrainLoraRequest | None = None
    cancelled: bool = False
    preview: Preview | None = None
    waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(default_factory=list)


class FakeEngine:
    """Implements `backend.engine.protocol.Engine`.

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
        self.step_time_s = step_time_s
        self._storage = storage
        self._load_time_s = load_time_s
        self._grace_s = grace_s
        self._max_waiting = max_waiting
        self._models = models
        self._wildcards = wildcards or Wildcards()
        self._loaded: set[str] = set()
        self._trained: list[str] = []
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._queue: list[_Job] = []
        self._changed = threading.Condition()
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="fake-engine", daemon=True)
        self._worker.start()

    def submit(self, request: AnyRequest, owner: str = "", *, background: bool = False) -> str:
        """Queues a job and returns its token; see the protocol."""
        training = None
        if isinstance(request, TrainLoraRequest):
            if not request.pictures:
                raise BadInput("There are no pictures to learn from; add at least one.",
                               "pictures")
            training, background = request, True
            request = Request(fake_training.drawing(fake_training.resolved(request)), save=False)
        check_pictures(request)
        settings = request.settings.for_pictures(request.images)
        if settings.model not in self._models:
            known = ", ".join(self._models)
            raise UnknownName(f"There is no model '{settings.model[:80]}'; there are: {known}.",
                              "model")
        native = native_px(settings.model)
        resolved = settings.resolved(
            native_size=(native, native), guidance_scale=4.0,
            seed=secrets.randbelow(MAX_SEED + 1), variation_seed=secrets.randbelow(MAX_SEED + 1),
        )
        resolved = self._settled(resolved)
        if (resolved.width or 0) * (resolved.height or 0) > 1536 * 1536:
            raise BadInput("This picture is too large for the memory; 1536x1536 would fit.",
                           "width")
        with self._changed:
            if request.branch is not None and request.branch.token not in self._jobs:
                raise UnknownName("That run is no longer kept; generate again.", "branch")
            if sum(job.owner == owner for job in self._queue) >= self._max_waiting:
                raise QueueFull("You have as many pictures waiting as fit; let one finish first.")
            token = secrets.token_urlsafe(24)
            wanted = replace(request, settings=resolved)
            job = _Job(
                wanted, wanted, owner, background,
                JobStatus(token, "queued", len(self._queue), Progress("queued"), revision=1),
                time.monotonic(), training,
            )
            self._jobs[token] = job
            while len(self._jobs) > _KEPT_JOBS:
                oldest = next(iter(self._jobs))
                if self._jobs[oldest].status.state in ("queued", "running"):
                    break
                del self._jobs[oldest]
            place = len(self._queue)
            if not background:
                place = next((i for i, j in enumerate(self._queue) if j.background), place)
            self._queue.insert(place, job)
            self._changed.notify_all()
        return token

    def cancel(self, token: str) -> None:
        """Stops the job before its next step."""
        with self._changed:
            job = self._jobs.get(token)
            if job is None:
                return
            job.cancelled = True
            if job in self._queue:
                self._queue.remove(job)
                self._end(job, "stopped", "Stopped before it began.")
            self._changed.notify_all()

    def promote(self, token: str) -> None:
        """Lets a waiting job of its owner go before the one of theirs in front of it."""
        with self._changed:
            job = self._find(token)
            if job in self._queue:
                place = self._queue.index(job)
                other = next((i for i in reversed(range(place))
                              if self._queue[i].owner == job.owner
                              and self._queue[i].background == job.background), place)
                self._queue[place], self._queue[other] = self._queue[other], job

    def status(self, token: str) -> JobStatus:
        """Snapshot of a job."""
        with self._changed:
            job = self._find(token)
            if job in self._queue:
                now = [j for j in self._jobs.values() if j.status.state == "running"]
                before = self._queue[:self._queue.index(job)]
                wait_s = sum(j.status.progress.eta_s or 0.0 for j in now) + self.step_time_s * sum(
                    j.request.settings.batch_count * run_steps(j.request.settings) for j in before)
                return replace(job.status, position=len(before) + len(now),
                               progress=replace(job.status.progress, eta_s=wait_s))
            return job.status

    def wait(self, token: str, revision: int, timeout_s: float) -> JobStatus:
        """`status`, as soon as its revision exceeds `revision`, or in time."""
        with self._changed:
            job = self._find(token)
            self._changed.wait_for(lambda: job.status.revision > revision, timeout_s)
        return self.status(token)

    async def next_preview(
        self, token: str, revision: int, timeout_s: float = 10.0
    ) -> Preview | None:
        """The newest frame above `revision`; waits without holding a thread."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            fresh = asyncio.Event()
            waiter = (loop, fresh)
            with self._changed:
                job = self._find(token)
                newest = job.preview
                if newest is not None and newest.revision > revision:
                    return newest
                if job.status.state not in ("queued", "running") or loop.time() >= deadline:
                    return None
                job.waiters.append(waiter)
            try:
                # Woken by every change of the job, also by those without a new frame.
                await asyncio.wait_for(fresh.wait(), deadline - loop.time())
            except TimeoutError:
                pass
            finally:
                with self._changed, contextlib.suppress(ValueError):
                    job.waiters.remove(waiter)

    def touch(self, token: str) -> None:
        """Starts the grace period anew."""
        with self._changed:
            if (job := self._jobs.get(token)) is not None:
                job.watched_at = time.monotonic()

    def detach(self, token: str) -> None:
        """The watcher went away: the grace period runs from now."""
        self.touch(token)

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
        return self._frame(job.batch, image, (step + 1) / run_steps(job.batch.settings), kind)

    def timeline_video(self, token: str, image: int = 0, fps: int = 10) -> bytes:
        """An mp4 of x0 | x_t over the steps."""
        info = self.timeline(token)
        if info is None:
            raise BadInput("Nothing of this run is stored; generate first.")
        return mp4(
            (np.concatenate([self.timeline_frame(token, step, kind, image)
                             for kind in ("x0", "xt")], axis=1)
             for step in range(info.steps)), fps,
        )

    def levels(self, settings: Settings) -> tuple[float, ...]:
        """Evenly from 14.6 to 0."""
        return tuple(14.6 * (1 - i / settings.steps) for i in range(settings.steps + 1))

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
        residents = tuple(Resident((name,), "unet", GIB, 0, False, 0.0)
                          for name in sorted(self._loaded))
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

    def _find(self, token: str) -> _Job:
        job = self._jobs.get(token)
        if job is None:
            raise UnknownName("That run is no longer known; generate again.", "token")
        return job

    def _frame(self, request: Request, image: int, done: float, kind: FrameKind) -> Pixels:
        settings, size = request.settings, request.settings.drawn_size
        if isinstance(settings, MorphSettings):
            grain = fake_picture.noise(settings.prompt, settings.seed, *size)
            shape = fake_picture.predicted if kind == "x0" else fake_picture.noised
            return shape(fake_morph.frame(request, image), done, grain)
        seed = settings.image_seed(image % settings.batch_size)
        prompt = settings.prompt
        if isinstance(settings, LoraPadSettings):
            prompt += str(settings.points[image])
            seed = settings.seed
        if isinstance(settings, LoraMixSettings):
            prompt += settings.variants[image // settings.batch_size][0]
        picture = fake_picture.draw(prompt, seed, *size)
        grain = fake_picture.noise(settings.prompt, seed, *size)
        if isinstance(settings, Img2ImgSettings) and settings.starts_from_picture:
            strength = settings.ladder[image // settings.batch_size]
            source = canvas.prepare(settings, request.images["image"], request.images.get("mask"))
            drawn = source.source + strength * (picture.astype(float) - source.source)
            picture = np.rint(drawn).astype(np.uint8)
            if done >= 1.0:
                return source.finish(picture)
        shape = fake_picture.predicted if kind == "x0" else fake_picture.noised
        return shape(picture, done, grain)

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

    def _run(self, job: _Job) -> None:
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

    def _run_batch(self, job: _Job, number: int) -> int:
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
            self._pause(job, self.step_time_s,
                        Progress("sampling", done, count * total, elapsed, left))
            self._show(job, step + 1, number * total, count * total)
        self._finish(job)
        return total - first

    def _run_grid(self, job: _Job, settings: XyzGridSettings) -> None:
        """Cell by cell, the sheet as preview; a stop keeps what is done."""
        begun, total, step = time.monotonic(), run_steps(settings), 0
        grid = fake_grid.Grid(settings, self._wildcards)
        outputs: list[Output] = []
        try:
            for place, cell in enumerate(grid.cells):
                request = replace(job.request, settings=cell)
                for own in range(run_steps(cell)):
                    self._pause(job, self.step_time_s, Progress(
                        "sampling", step, total, time.monotonic() - begun,
                        (total - step) * self.step_time_s,
                    ))
                    step += 1
                    frame = self._frame(request, 0, (own + 1) / run_steps(cell), "x0")
                    with self._changed:
                        job.preview = Preview(step, step, total, fake_picture.jpeg(
                            grid.preview(place, frame), 1024), step == total)
                        self._publish(job, progress=replace(job.status.progress, step=step))
                image = self._frame(request, 0, 1.0, "x0")
                outputs.append(self._saved(job, grid.cell(place, image)))
                self._publish(job, outputs=tuple(outputs))
        finally:
            if outputs:
                outputs.append(self._saved(job, grid.sheet()))
                self._publish(job, outputs=tuple(outputs))
        self._end(job, "done", None, step, time.monotonic() - begun)

    def _saved(self, job: _Job, output: Output) -> Output:
        if self._storage is None or not job.request.save:
            return output
        return replace(output, path=str(self._storage.save_output(output.image, output.record)))

    def _train(self, job: _Job, request: TrainLoraRequest) -> None:
        total, begun = fake_training.steps(request), time.monotonic()
        every, validated = max(1, total // 4), list[int]()
        for step in range(1, total + 1):
            left = (total - step) * self.step_time_s
            self._pause(job, self.step_time_s, Progress(
                "fitting", step, total, time.monotonic() - begun, left,
                loss=fake_training.loss(step),
            ))
            if step % every == 0:
                validated.append(step)
                made = (*job.status.outputs, fake_training.validation(request, step))
                self._publish(job, outputs=made)
            self._publish(job, info=fake_training.told(request, step, validated))
        self._trained.append(request.settings.name)
        self._publish(job, info=fake_training.told(
            request, total, validated, lora=request.settings.name
        ))
        self._end(job, "done", None, total, time.monotonic() - begun)

    def _pause(self, job: _Job, duration_s: float, progress: Progress) -> None:
        self._publish(job, progress=progress)
        until = time.monotonic() + duration_s
        with self._changed:
            while True:
                now = time.monotonic()
                if job.cancelled or self._closed:
                    raise Cancelled("Stopped; what was finished is kept.")
                if not job.background and now - job.watched_at > self._grace_s:
                    raise Cancelled("Stopped because nobody was watching.")
                if now >= until:
                    return
                self._changed.wait(until - now)

    def _show(self, job: _Job, done: int, before: int, overall: int) -> None:
        settings = job.batch.settings
        total = run_steps(settings)
        frames = [
            self._frame(job.batch, i, done / total, "x0")
            for i in range(settings.picture_count)
        ]
        with self._changed:
            revision = job.preview.revision + 1 if job.preview else 1
            job.preview = Preview(revision, before + done, overall,
                                  fake_picture.jpeg(fake_picture.grid(frames)),
                                  before + done == overall)
            sigmas = self._sigmas(settings)[:done]
            self._publish(
                job, timeline=TimelineInfo(done, settings.picture_count, sigmas),
                progress=replace(job.status.progress, step=before + done,
                                 eta_s=(overall - before - done) * self.step_time_s),
            )

    def _sigmas(self, settings: Settings) -> tuple[float, ...]:
        """Levels after each step of all stages."""
        if isinstance(settings, Txt2ImgSettings) and settings.hires:
            second = settings.second_stage
            return self.levels(settings)[1:] + self.levels(second)[second.steps
                                                                   - run_steps(second) + 1:]
        return self.levels(settings)[settings.steps - run_steps(settings) + 1:]

    def _finish(self, job: _Job) -> None:
        settings = job.batch.settings
        model = {"name": settings.model, "hash": _HASH}
        outputs = list(job.status.outputs)
        made = len(outputs)
        for i in range(settings.picture_count):
            recipe = settings.model_copy(
                update={"batch_size": 1, "seed": settings.image_seed(i % settings.batch_size)}
            )
            extra: dict[str, Any] = {}
            if isinstance(recipe, LoraMixSettings) and recipe.compare:
                variant = i // settings.batch_size
                extra = {"compared": recipe.variants[variant][0]}
                recipe = recipe.alone(variant)
            if isinstance(recipe, LoraPadSettings):
                extra = {"point": list(recipe.points[i])}
                recipe = recipe.exact(*recipe.points[i])
            if isinstance(recipe, MorphSettings):
                extra = {"frame": i, "position": i / (recipe.frames - 1)}
                recipe = settings
            if isinstance(recipe, Img2ImgSettings) and recipe.starts_from_picture:
                strength = recipe.ladder[i // settings.batch_size]
                recipe = recipe.model_copy(update={"strength": strength, "strengths": ()})
                ran = recipe.model_steps(strength)
                extra = {"steps": ran, "sigma": self.levels(settings)[settings.steps - ran]}
            record = Record(settings.mode, recipe.model_dump(mode="json"), model, extra)
            image = self._frame(job.batch, i, 1.0, "x0")
            path = None
            if self._storage is not None and job.request.save:
                path = str(self._storage.save_output(image, record))
            outputs.append(_explained(Output(made + i, image, record, path), job.request))
        with self._changed:
            self._publish(job, outputs=tuple(outputs))

    def _end(
        self, job: _Job, state: str, error: str | None, steps: int | None = None,
        elapsed_s: float | None = None,
    ) -> None:
        settings, progress = job.request.settings, job.status.progress
        info: dict[str, Any] = {
            "seeds": [settings.batch(number).image_seed(i % settings.batch_size)
                      for number in range(settings.batch_count)
                      for i in range(settings.picture_count)],
            "settings": settings.model_dump(mode="json"),
            "model": {"name": settings.model, "hash": _HASH},
            "mode": settings.mode,
            "steps": progress.step if steps is None else steps,
            "elapsed_s": round(progress.elapsed_s if elapsed_s is None else elapsed_s, 3),
        }
        if isinstance(settings, MorphSettings) and state == "done":
            info |= fake_morph.facts([output.image for output in job.status.outputs])
        if isinstance(settings, FootprintSettings):
            info |= fake_footprint(settings)
        with self._changed:
            if job.preview is not None and not job.preview.final:
                job.preview = replace(job.preview, revision=job.preview.revision + 1, final=True)
            self._publish(job, state=state, error=error, info=job.status.info | info)

    def _publish(self, job: _Job, **changes: Any) -> None:
        with self._changed:
            job.status = replace(job.status, revision=job.status.revision + 1, **changes)
            for loop, fresh in job.waiters:
                with contextlib.suppress(RuntimeError):  # its loop has ended with the server
                    loop.call_soon_threadsafe(fresh.set)
            job.waiters.clear()
            self._changed.notify_all()


def fake_footprint(settings: FootprintSettings) -> dict[str, Any]:
    """Even shares in every step."""
    share = round(1 / len(settings.loras), 4)
    return {"footprint": [
        {"name": use.name, "share": share, "shares": [share] * settings.steps}
        for use in settings.loras
    ]}


def _explained(output: Output, request: Request) -> Output:
    """Style transfer's measures and views, as the real mode makes them."""
    settings = request.settings
    if not isinstance(settings, StyleTransferSettings):
        return output
    from backend.control import obedience, suggestions  # only here: they need OpenCV
    from backend.control.canny import Canny
    from backend.pictures.fit import fit

    canny = Canny(settings.canny_low, settings.canny_high)
    direct = request.images.get("control_image")
    source = request.images["image"] if direct is None else direct
    source = fit(source, *settings.drawn_size, settings.resize_mode).image
    control = canny(source) if direct is None else source
    found = obedience.measure(control, output.image, canny)
    measured = {
        "recall": found.recall, "precision": found.precision, "f1": found.f1,
        "density": found.density,
        "suggestions": [
            {"sentence": advice.sentence, "changes": advice.changes}
            for advice in suggestions.suggest(found, settings.control_scale, canny)
        ],
    }
    record = replace(output.record, extra=output.record.extra | {"obedience": measured})
    views = {"control": control, "obedience": obedience.overlay(found, output.image)}
    return replace(output, record=record, views=views)


def run_steps(settings: Settings) -> int:
    """Steps that a run takes: part of them where it starts from a picture."""
    if isinstance(settings, XyzGridSettings):
        return settings.model_steps
    if isinstance(settings, Txt2ImgSettings) and settings.hires:
        return settings.steps + run_steps(settings.second_stage)
    if isinstance(settings, Img2ImgSettings) and settings.starts_from_picture:
        return max(settings.model_steps(strength) for strength in settings.ladder)
    return settings.steps
