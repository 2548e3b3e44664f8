"""The work of the local engine's jobs: modes, run on one device, one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch

from backend.contracts.events import Output, Pixels
from backend.contracts.holdings import Keeper
from backend.contracts.requests import (
    ModeRequest,
    Request,
    ResolvedRequest,
    Training,
    VideoRequest,
)
from backend.contracts.settings import Settings
from backend.contracts.stored import StoredStep
from backend.engine.jobs.executor import Decode, JobRun
from backend.engine.jobs.protocol import FrameKind
from backend.engine.jobs.stages import stages_of
from backend.engine.jobs.throughput import Pace
from backend.engine.local.kept_steps import Branches, TensorStep, Timelines
from backend.engine.local.loras import LoraFiles
from backend.engine.local.packing import packed, unpacked
from backend.engine.local.steps import JobSteps
from backend.models.autoencoder.posterior import PosteriorCache
from backend.models.autoencoder.preview import PreviewKind
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.manager import ModelManager
from backend.models.memory import memory_pressure
from backend.models.memory.devices import Target
from backend.models.memory.memory_pressure import Thrift, Way, overcome
from backend.modes import limits
from backend.modes.context import Context
from backend.modes.end_cache import EndCache
from backend.modes.leasing import Needs

RunMode = Callable[[ModeRequest, Context], Iterator[Output]]
LOOK_S = 0.05  # how long a glance waits for a device that is between two jobs


@dataclass(frozen=True)
class Workshop:
    """What the jobs of one device share.

    Attributes:
        catalog: The models at hand.
        models: Their cache.
        target: Device and dtype.
        loras: LoRA files.
        timelines: Stored steps of all runs.
        posteriors: Input pictures that are encoded already.
        ends: What was worked out for the ends of earlier morphs.
        pace: Learns how fast jobs are.
        lock: Held by whoever runs a model on the device.
        own_steps: The stored steps that may go in need; None is all.
    """

    catalog: Catalog
    models: ModelManager[Checkpoint]
    target: Target
    loras: LoraFiles
    timelines: Timelines
    posteriors: PosteriorCache = field(default_factory=PosteriorCache)
    ends: EndCache = field(default_factory=EndCache)
    pace: Pace = field(default_factory=Pace)
    # A job in the background holds it, and others run in its middle.
    lock: threading.RLock = field(default_factory=threading.RLock)
    own_steps: Keeper | None = None

    def relieve(self) -> None:
        """Lets go of what no running job needs on the device."""
        (self.own_steps or self.timelines).release()
        self.models.relieve()


class LocalExecutor:
    """Runs modes on the device of a workshop; see `backend.engine.jobs.executor`.

    Args:
        shop: Models and caches.
        run_mode: Runs the mode of a request.
        preview: How previews are decoded.
    """

    def __init__(self, shop: Workshop, run_mode: RunMode, preview: PreviewKind) -> None:
        self._shop = shop
        self._run_mode = run_mode
        self._preview: PreviewKind = preview

    def execute(self, run: JobRun) -> None:
        """Runs the mode of a job; where memory was short before its first step, once more."""
        request = run.job.request
        assert not isinstance(request, VideoRequest), "the board makes videos"
        steps = JobSteps(run, self._shop.timelines, self._preview)
        tries = 0

        def work() -> None:
            nonlocal tries
            tries += 1
            self._work(run, request, steps)

        def ways() -> Iterator[Way[None]]:
            yield Way(work)
            if not (run.executed or run.job.outputs or isinstance(request, Training)):
                yield Way(work)

        with memory_pressure.advised(partial(self._advice, request)), self._device(run):
            overcome(ways(), "There is not enough memory for this.", self._shop.relieve)
        if tries > 1 or steps.begun_at is None:
            return
        if isinstance(request, Request) and request.branch is None:
            self._shop.pace.note(request.settings, time.monotonic() - steps.begun_at)

    @contextmanager
    def decoding(self, run: JobRun, settings: Settings) -> Generator[Decode[TensorStep]]:
        """Pictures of stored steps by the model's decoder, which is loaded if need be."""
        with self._device(run), Needs.of(settings).taken(self._shop.models) as held:

            def decode(step: TensorStep, kind: FrameKind, image: int) -> Pixels:
                latents = step.latents(kind, image).to(self._shop.target.device)
                return held.model.codec.decode(latents, run.check)[0]

            yield decode

    def glance(self, settings: Settings, step: TensorStep, kind: FrameKind, image: int) -> Pixels:
        """By the decoder while the device is idle and the model there, else by the fast preview."""
        latents = step.latents(kind, image)
        decoded = self._decoded_now(settings, latents)
        if decoded is not None:
            return decoded
        frames = step.previewer(latents)
        assert frames is not None, "timelines keep the fast previewer"
        return frames[0]

    def pack(self, stored: Sequence[StoredStep[TensorStep]]) -> bytes:
        """All their tensors."""
        return packed(stored)

    def unpack(
        self, data: bytes, request: ResolvedRequest, run: int
    ) -> list[StoredStep[TensorStep]]:
        """On the device again."""
        return unpacked(data, stages_of(request.runs[run]), self._shop.target.device)

    def foresee_s(self, settings: Settings) -> float | None:
        """What jobs like it took."""
        return self._shop.pace.seconds(settings)

    def _decoded_now(self, settings: Settings, latents: torch.Tensor) -> Pixels | None:
        models, needs = self._shop.models, Needs.of(settings)

        def decode() -> Pixels:
            with needs.taken(models) as held:
                return held.model.codec.decode(latents.to(self._shop.target.device))[0]

        if not self._shop.lock.acquire(timeout=LOOK_S):
            return None
        try:
            if not needs.at_hand(models):
                return None
            return memory_pressure.attempt(decode, refused=True)
        finally:
            self._shop.lock.release()

    @contextmanager
    def _device(self, run: JobRun) -> Generator[None]:
        """The device is the job's, which frees what it can where memory runs short."""
        thrift = Thrift(self._shop.relieve, run.tell)
        with self._shop.lock, torch.no_grad(), memory_pressure.in_force(thrift):
            yield

    def _work(self, run: JobRun, request: ModeRequest, steps: JobSteps) -> None:
        """Runs the mode to its end."""
        context = Context(
            run,
            self._shop.models,
            steps,
            Branches(self._shop.timelines, self._shop.target.device),
            self._shop.loras,
            self._shop.posteriors,
            self._shop.ends,
            request.images if isinstance(request, Request) else {},
            checkpoints=self._shop.catalog,
            share=run.share,
        )
        for output in self._run_mode(request, context):
            run.deliver(output)

    def _advice(self, request: ModeRequest) -> str:
        """What would have fitted, as a sentence of its own."""
        if not isinstance(request, Request) or not request.settings.needs_model:
            return ""
        info = self._shop.catalog.checkpoint(request.settings.model)
        found = limits.advice(request.settings, info, self._shop.target)
        return found[:1].upper() + found[1:]
