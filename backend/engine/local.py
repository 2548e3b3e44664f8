"""The engine on this machine: one worker thread for its one device."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from backend.engine.job import Job, Patience, Shelf
from backend.engine.loras import LoraShelf, take_loras
from backend.engine.protocol import FrameKind, Library, Memory
from backend.engine.queue import FairQueue
from backend.engine.timeline import TimelineStore
from backend.engine.video import mp4
from backend.engine.worker import RunMode, Worker, warm
from backend.errors import BadInput, UnknownName
from backend.events import JobStatus, Output, Pixels, Preview, TimelineInfo
from backend.models import controlnet
from backend.models.catalog import Catalog, ModelInfo
from backend.models.configs import part_config
from backend.models.controlnet import ControlNet
from backend.models.devices import Target, pick
from backend.models.loading import Checkpoint, load_checkpoint
from backend.models.lora_fit import LoraFits
from backend.models.manager import ModelManager
from backend.models.preview import PreviewKind
from backend.modes import check_mode, limits, run_mode
from backend.modes.parts import check_branch
from backend.requests import Request, check_pictures
from backend.sampling import schedule as schedules
from backend.sampling.config import SchedulerConfig
from backend.settings import MAX_SEED, SCHEDULES_OF, Settings, StyleTransferSettings
from backend.storage import Storage

log = logging.getLogger(__name__)


class LocalEngine:
    """Implements `backend.engine.protocol.Engine` with threads.

    Args:
        catalog: The models at hand.
        models: Their cache.
        target: Device and dtype.
        storage: Where results are saved; None keeps them in memory.
        preview: How previews are decoded.
        patience: Grace period and deadline of jobs.
        run: Runs a mode; tests put their own here.
    """

    def __init__(
        self, catalog: Catalog, models: ModelManager[Checkpoint], target: Target,
        storage: Storage | None, *, preview: PreviewKind = "fast", patience: Patience | None = None,
        run: RunMode = run_mode,
    ) -> None:
        self._catalog = catalog
        self._models = models
        self._target = target
        self._patience = patience or Patience()
        self._queue: FairQueue[Job] = FairQueue()
        self._shelf = Shelf()
        self._timelines = TimelineStore()
        self._device_lock = threading.Lock()
        self._fits = LoraFits()
        worker = Worker(
            self._queue, run, models, LoraShelf(catalog).read, self._timelines, storage, preview,
            self._device_lock,
        )
        self._thread = threading.Thread(target=worker.loop, name="device-worker", daemon=True)
        self._thread.start()

    @classmethod
    def create(
        cls, models: Sequence[Path], storage: Storage, *, device: str | None = None,
        dtype: str | None = None, preview: PreviewKind = "fast", warm_up: str | None = "pocket",
    ) -> Self:
        """The engine as the app runs it.

        Args:
            models: Model folders, the first wins where two hold the same name.
            storage: Where results are saved.
            device: e.g. "cuda", "cpu"; None picks the best.
            dtype: e.g. "bfloat16", "float32"; None picks what is fastest here.
            preview: off, fast, tiny or full.
            warm_up: Model to load at once, in the background.
        """
        target = pick(device, dtype)
        catalog = Catalog(models)

        def load(name: str) -> Checkpoint | ControlNet:
            if name.startswith(controlnet.KEY):
                named = name.removeprefix(controlnet.KEY)
                return controlnet.load_controlnet(catalog.find("controlnet", named), target)
            info = catalog.checkpoint(name)
            return load_checkpoint(info, target, catalog.tiny_decoder(info.family))

        manager: ModelManager[Any] = ModelManager(load, limits.budget(target))
        engine = cls(catalog, manager, target, storage, preview=preview)
        if warm_up is not None:
            threading.Thread(
                target=warm, args=(manager, warm_up, engine._device_lock), daemon=True
            ).start()
        return engine

    # --- jobs --------------------------------------------------------------------------------

    def submit(self, request: Request, owner: str = "", *, background: bool = False) -> str:
        check_pictures(request)
        settings = request.settings.for_pictures(request.images)
        request = replace(request, settings=self._resolve(settings))
        check_mode(request)
        if request.branch is not None:
            past, _ = self._timelines.load(request.branch.token, request.branch.step)
            check_branch(past, request.settings)
        patience = self._patience
        if request.settings.outlives_watcher:
            patience = replace(patience, grace_s=math.inf)
        job = Job(request, owner, background=background, patience=patience)
        self._queue.push(job)
        for gone in self._shelf.put(job):
            self._timelines.drop(gone)
        return job.token

    def _resolve(self, settings: Settings) -> Settings:
        settings = take_loras(settings)
        info = self._catalog.checkpoint(settings.model)
        if info.problem:
            raise BadInput(info.problem, "model")
        draw = random.SystemRandom()
        resolved = settings.resolved(
            native_size=info.native_size, guidance_scale=info.card.guidance_scale,
            seed=draw.randint(0, MAX_SEED), variation_seed=draw.randint(0, MAX_SEED),
        )
        for lora in resolved.loras:
            self._catalog.find("lora", lora.name)
        if isinstance(resolved, StyleTransferSettings):
            resolved = self._with_controlnet(resolved, info)
        limits.check(resolved, info, self._target)
        return resolved

    def _with_controlnet(
        self, settings: StyleTransferSettings, model: ModelInfo
    ) -> StyleTransferSettings:
        for use in settings.controls:
            controlnet.choose(self._catalog, model, settings.detector, use.name)
        if settings.controls:
            return settings
        found = controlnet.choose(self._catalog, model, settings.detector, settings.controlnet)
        return settings.model_copy(update={"controlnet": found.name})

    def cancel(self, token: str) -> None:
        job = self._job(token)
        job.cancel()
        if self._queue.remove(job):
            job.finish("stopped", "Stopped before it began.")

    def status(self, token: str) -> JobStatus:
        job = self._job(token)
        return job.status(self._position(job), self.timeline(token))

    def wait(self, token: str, revision: int, timeout_s: float) -> JobStatus:
        self._job(token).wait(revision, timeout_s)
        return self.status(token)

    def _job(self, token: str) -> Job:
        job = self._shelf.get(token)
        if job is None:
            raise UnknownName("That job is no longer known; it may have ended long ago.")
        return job

    def _position(self, job: Job) -> int:
        ahead = self._queue.position(job)
        if ahead is None:
            return 0
        running = any(other.state == "running" for other in self._shelf.all())
        return ahead + running

    async def next_preview(
        self, token: str, revision: int, timeout_s: float = 10.0
    ) -> Preview | None:
        return await self._job(token).previews.next(revision, timeout_s)

    def touch(self, token: str) -> None:
        self._job(token).touch()

    def detach(self, token: str) -> None:
        self._job(token).detach()

    def results(self, token: str) -> tuple[Output, ...]:
        return self._job(token).outputs

    # --- timelines ---------------------------------------------------------------------------

    def timeline(self, token: str) -> TimelineInfo | None:
        run = self._timelines.get(token)
        return run.info() if run is not None and run.steps else None

    def timeline_frame(
        self, token: str, step: int, kind: FrameKind = "x0", image: int = 0
    ) -> Pixels:
        settings, stored = self._timelines.load(token, step)
        if not 0 <= image < len(stored.x):
            raise BadInput(f"That run made {len(stored.x)} pictures; choose one of them.", "image")
        latents = stored.x0 if kind == "x0" else stored.x / (1 + stored.sigma**2) ** 0.5
        return self._decode(settings.model, latents[image : image + 1], token)

    def _decode(self, model: str, latents: torch.Tensor, token: str) -> Pixels:
        """By the VAE while the device is idle and the model loaded, else by the fast preview."""
        run = self._timelines.get(token)
        if run is None:
            raise UnknownName("The steps of that run are no longer kept.")
        if self._device_lock.acquire(timeout=0.05):
            try:
                with self._models.lease(model) as checkpoint:
                    return checkpoint.vae.decode(latents)[0]
            finally:
                self._device_lock.release()
        frames = run.previewer(latents)
        assert frames is not None, "timelines keep the fast previewer"
        return frames[0]

    def timeline_video(self, token: str, image: int = 0, fps: int = 10) -> bytes:
        info = self.timeline(token)
        if info is None:
            raise UnknownName("The steps of that run are no longer kept.")
        frames = [
            np.concatenate(
                [self.timeline_frame(token, step, kind, image) for kind in ("x0", "xt")], axis=1
            )
            for step in range(info.steps)
        ]
        return mp4(frames + [frames[-1]] * fps, fps)

    # --- what there is -----------------------------------------------------------------------

    def levels(self, settings: Settings) -> tuple[float, ...]:
        info = self._catalog.checkpoint(settings.model)
        config = SchedulerConfig.from_dict(part_config(info, "scheduler"))
        schedule = schedules.make(settings.sampler, settings.schedule, settings.steps, config)
        return tuple(schedule.levels)

    def library(self, *, refresh: bool = False) -> Library:
        if refresh:
            self._catalog.refresh()
        return Library(
            models=tuple(_summary(info) for info in self._catalog.models("checkpoint")),
            samplers={name: tuple(schedules) for name, schedules in SCHEDULES_OF.items()},
            loras=tuple(self._loras()),
            controlnets=tuple(self._controlnets()),
            device=str(self._target.device), dtype=self._target.dtype_name,
        )

    def _loras(self) -> Iterator[dict[str, Any]]:
        models = [info for info in self._catalog.models("checkpoint") if info.problem is None]
        for info in self._catalog.models("lora"):
            try:
                lora = self._fits.header(info.path)
            except OSError:
                continue  # it went away; the next refresh drops it
            reasons = {model.name: self._fits.problem(lora, model) for model in models}
            yield {
                "name": info.name, "bytes": info.bytes, "family": lora.family, "rank": lora.rank,
                "trigger_words": list(lora.trigger_words),
                "problem": info.problem or lora.problem,
                "misfits": {name: reason for name, reason in reasons.items() if reason},
            }

    def _controlnets(self) -> Iterator[dict[str, Any]]:
        checkpoints = [i for i in self._catalog.models("checkpoint") if i.problem is None]
        for info in self._catalog.models("controlnet"):
            yield {
                "name": info.name, "bytes": info.bytes, "problem": info.problem,
                "detectors": list(controlnet.trained_on(info)),
                "fits": [model.name for model in checkpoints
                         if info.problem is None and controlnet.fits(info, model)],
            }

    def memory(self) -> Memory:
        return Memory(self._models.used_bytes, self._models.budget_bytes)

    def close(self) -> None:
        for job in self._shelf.all():
            job.cancel()
        for job in self._queue.close():
            job.finish("stopped", "The program is closing.")
        self._thread.join(timeout=30)


def _summary(info: ModelInfo) -> dict[str, Any]:
    """What `/options` and the page are told of a model."""
    return {
        "name": info.name, "title": info.card.title or info.name, "family": info.family,
        "native_size": list(info.native_size), "guidance_scale": info.card.guidance_scale,
        "bytes": info.bytes, "example_prompts": list(info.card.example_prompts),
        "known_words": list(info.card.known_words), "problem": info.problem, "note": info.note,
    }
