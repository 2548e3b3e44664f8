"""The engine on this machine: one worker thread for its one device."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import torch

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.events import JobStatus, Output, Pixels, Preview, TimelineInfo, TokenCount
from backend.contracts.library import Library
from backend.contracts.requests import AnyRequest, Request, TrainLoraRequest, check_pictures
from backend.contracts.settings import MAX_SEED, Settings, StyleTransferSettings, XyzGridSettings
from backend.engine.exports.video import mp4
from backend.engine.jobs.job import Job, Patience, Shelf
from backend.engine.jobs.protocol import FrameKind, Memory
from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.throughput import Pace
from backend.engine.local.cache import STANDARD_BUDGETS, Budgets, library_cache, release_idle
from backend.engine.local.fits import controlnets_of, loras_of
from backend.engine.local.kept_steps import Timelines
from backend.engine.local.library import embeddings_of, models_of, samplers, vaes_of
from backend.engine.local.loras import LoraShelf, take_loras
from backend.engine.local.worker import RunMode, Worker, warm
from backend.families.registry import FAMILIES
from backend.models.autoencoder.preview import Previewer, PreviewKind
from backend.models.catalog.catalog import Catalog, ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.control import controlnet
from backend.models.denoiser.compiled import CompileKind, check_compile
from backend.models.lora.fit import LoraFits
from backend.models.manager import ModelManager
from backend.models.memory.devices import Target, pick
from backend.models.text.embeddings import EmbeddingShelf
from backend.models.text.token_count import TokenCounter
from backend.modes import check_mode, limits, run_mode, train_lora
from backend.modes.leasing import leased
from backend.modes.parts import check_branch
from backend.pictures.fit import fit
from backend.sampling import schedule as schedules
from backend.sampling.config import SchedulerConfig
from backend.storage.outputs import Storage
from backend.storage.wildcards import Wildcards, settled

log = logging.getLogger(__name__)

UNHURRIED = Patience(grace_s=math.inf, deadline_s=math.inf)  # of a training


class LocalEngine:
    """Implements `backend.engine.jobs.protocol.Engine` with threads.

    Args:
        catalog: The models at hand.
        models: Their cache.
        target: Device and dtype.
        storage: Where results are saved; None keeps them in memory.
        preview: How previews are decoded.
        patience: Grace period and deadline of jobs.
        run: Runs a mode; tests put their own here.
        wildcards: What prompts may draw from.
    """

    def __init__(
        self,
        catalog: Catalog,
        models: ModelManager[Checkpoint],
        target: Target,
        storage: Storage | None,
        *,
        preview: PreviewKind = "fast",
        patience: Patience | None = None,
        run: RunMode = run_mode,
        wildcards: Wildcards | None = None,
    ) -> None:
        self._catalog = catalog
        self._models = models
        self._target = target
        self._patience = patience or Patience()
        self._queue: FairQueue[Job] = FairQueue()
        self._shelf = Shelf()
        self._timelines = Timelines()
        self._device_lock = threading.Lock()
        self._fits = LoraFits(FAMILIES)
        self._pace = Pace()
        self._wildcards = wildcards or Wildcards()
        self._tokens = TokenCounter(FAMILIES, EmbeddingShelf(catalog))
        worker = Worker(
            self._queue,
            run,
            models,
            LoraShelf(catalog).read,
            self._timelines,
            storage,
            preview,
            self._device_lock,
            prepare=self._resolve,
            pace=self._pace,
            lora_folder=catalog.lora_folder,
            changed_files=catalog.refresh,
            advise=self._advice,
        )
        self._thread = threading.Thread(target=worker.loop, name="device-worker", daemon=True)
        self._thread.start()
        self._closing = threading.Event()
        self._janitor = threading.Thread(
            target=release_idle, args=(models, self._closing), name="idle-models", daemon=True
        )
        self._janitor.start()

    @classmethod
    def create(
        cls,
        models: Sequence[Path],
        storage: Storage,
        *,
        device: str | None = None,
        dtype: str | None = None,
        compiled: CompileKind = "off",
        preview: PreviewKind = "fast",
        warm_up: str | None = "pocket",
        budgets: Budgets = STANDARD_BUDGETS,
        wildcards: Wildcards | None = None,
    ) -> Self:
        """The engine as the app runs it.

        Args:
            models: Model folders, the first wins where two hold the same name.
            storage: Where results are saved.
            device: e.g. "cuda", "cpu"; None picks the best.
            dtype: e.g. "bfloat16", "float32"; None picks what is fastest here.
            compiled: How UNets and ControlNets are called.
            preview: off, fast, tiny or full.
            warm_up: Model to load at once, in the background.
            budgets: What the model cache may hold, and for how long.
            wildcards: What prompts may draw from.
        """
        target = replace(pick(device, dtype), compile=compiled)
        check_compile(compiled, target.device)
        catalog = Catalog(models, FAMILIES)

        manager = library_cache(catalog, target, budgets)
        engine = cls(catalog, manager, target, storage, preview=preview, wildcards=wildcards)
        if warm_up is not None:
            threading.Thread(
                target=warm, args=(manager, warm_up, engine._device_lock), daemon=True
            ).start()
        return engine

    # --- jobs --------------------------------------------------------------------------------

    def submit(self, request: AnyRequest, owner: str = "", *, background: bool = False) -> str:
        if isinstance(request, TrainLoraRequest):
            request, patience = self._training(request), UNHURRIED
            return self._push(Job(request, owner, background=True, patience=patience))
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
        return self._push(Job(request, owner, background=background, patience=patience))

    def _push(self, job: Job) -> str:
        self._queue.push(job)
        for gone in self._shelf.put(job):
            self._timelines.drop(gone)
        return job.token

    def _training(self, request: TrainLoraRequest) -> TrainLoraRequest:
        info = self._catalog.checkpoint(request.settings.model)
        if info.problem:
            raise BadInput(info.problem, "model")
        request = replace(request, settings=request.settings.resolved(min(info.native_size)))
        train_lora.check(request, info, self._catalog.lora_folder)
        return request

    def _resolve(self, settings: Settings) -> Settings:
        if not isinstance(settings, XyzGridSettings):
            settings = take_loras(settings)  # a grid replaces words in them: each cell takes its
        info = self._catalog.checkpoint(settings.model)
        if info.problem:
            raise BadInput(info.problem, "model")
        draw = random.SystemRandom()
        resolved = settings.resolved(
            native_size=info.native_size,
            guidance_scale=info.card.guidance_scale,
            seed=draw.randint(0, MAX_SEED),
            variation_seed=draw.randint(0, MAX_SEED),
        )
        if not isinstance(resolved, XyzGridSettings):
            resolved = take_loras(settled(resolved, self._wildcards))
        for lora in resolved.acting_loras:
            self._catalog.find("lora", lora.name)
        if resolved.vae:
            self._catalog.find("vae", resolved.vae)
        if isinstance(resolved, XyzGridSettings):
            for cell in resolved.cells():
                self._resolve(cell)
            return resolved
        if isinstance(resolved, StyleTransferSettings):
            resolved = self._with_controlnet(resolved, info)
        limits.check(resolved, info, self._target)
        return resolved

    def _advice(self, settings: Settings) -> str:
        """What would have fitted, as a sentence of its own."""
        info = self._catalog.checkpoint(settings.model)
        found = limits.advice(settings, info, self._target)
        return found[:1].upper() + found[1:]

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

    def promote(self, token: str) -> None:
        self._queue.promote(self._job(token))

    def status(self, token: str) -> JobStatus:
        job = self._job(token)
        before = self._before(job)
        status = job.status(len(before or ()), self.timeline(token))
        if before is None or status.state != "queued":
            return status
        return replace(status, progress=replace(status.progress, eta_s=self._wait_s(before)))

    def wait(self, token: str, revision: int, timeout_s: float) -> JobStatus:
        self._job(token).wait(revision, timeout_s)
        return self.status(token)

    def _job(self, token: str) -> Job:
        job = self._shelf.get(token)
        if job is None:
            raise UnknownName("That job is no longer known; it may have ended long ago.")
        return job

    def _before(self, job: Job) -> list[Job] | None:
        """Jobs that end before this one begins; None where it does not wait."""
        waiting = self._queue.before(job)
        if waiting is None:
            return None
        # One in the background steps aside within a model call: nobody waits for it.
        return [
            other
            for other in self._shelf.all()
            if other.state == "running" and (job.background or not other.background)
        ] + waiting

    def _wait_s(self, before: Sequence[Job]) -> float | None:
        """Seconds until these jobs have ended; None where one cannot be foreseen."""
        total = 0.0
        for job in before:
            left = job.progress.eta_s if job.state == "running" else None
            if left is None and isinstance(job.request, Request):
                left = self._pace.seconds(job.request.settings)
            if left is None:
                return None
            total += left
        return total

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
        return self._timelines.info(token)

    def timeline_frame(
        self, token: str, step: int, kind: FrameKind = "x0", image: int = 0
    ) -> Pixels:
        settings, kept = self._timelines.load(token, step)
        stored = kept.step
        if not 0 <= image < len(stored.x):
            raise BadInput(f"That run made {len(stored.x)} pictures; choose one of them.", "image")
        latents = stored.x0 if kind == "x0" else stored.x / (1 + stored.sigma**2) ** 0.5
        return self._decode(settings, latents[image : image + 1], kept.previewer)

    def _decode(self, settings: Settings, latents: torch.Tensor, previewer: Previewer) -> Pixels:
        """By the VAE while the device is idle and the model loaded, else by the fast preview."""
        if self._device_lock.acquire(timeout=0.05):
            try:
                with leased(self._models, settings) as checkpoint:
                    return checkpoint.codec.decode(latents)[0]
            finally:
                self._device_lock.release()
        frames = previewer(latents)
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
        height, width = frames[-1].shape[:2]  # earlier stages may be smaller
        frames = [fit(frame, width, height, "stretch").image for frame in frames]
        return mp4(frames + [frames[-1]] * fps, fps)

    # --- what there is -----------------------------------------------------------------------

    def levels(self, settings: Settings) -> tuple[float, ...]:
        info = self._catalog.checkpoint(settings.model)
        config = SchedulerConfig.from_dict(FAMILIES.scheduler_config(info))
        schedule = schedules.make(
            settings.sampler, settings.schedule, settings.steps, config, info.family
        )
        return tuple(schedule.levels)

    def seconds(self, settings: Settings) -> float | None:
        return self._pace.seconds(self._resolve(settings))

    def count_tokens(self, model: str, text: str) -> TokenCount | None:
        try:
            return self._tokens.count(self._catalog.checkpoint(model), text)
        except UnknownName:
            return None

    def library(self, *, refresh: bool = False) -> Library:
        if refresh:
            self._catalog.refresh()
        return Library(
            models=models_of(self._catalog),
            samplers=samplers(),
            loras=loras_of(self._catalog, self._fits),
            vaes=vaes_of(self._catalog),
            controlnets=controlnets_of(self._catalog),
            embeddings=embeddings_of(self._catalog),
            device=str(self._target.device),
            dtype=self._target.dtype_name,
        )

    def memory(self) -> Memory:
        models = self._models
        return Memory(
            models.used_bytes,
            models.budget_bytes,
            models.ram_bytes,
            models.ram_budget_bytes,
            models.residents(),
        )

    def free_memory(self) -> int:
        return self._models.free()

    def close(self) -> None:
        for job in self._shelf.all():
            job.cancel()
        for job in self._queue.close():
            job.finish("stopped", "The program is closing.")
        self._closing.set()
        self._thread.join(timeout=30)
        self._janitor.join(timeout=30)
