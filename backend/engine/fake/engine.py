"""FakeEngine: the Engine's interface without a model, for tests of the page and the API.

Product code, and free of torch: its executor draws a synthetic picture that sharpens step by step,
with a step time of choice, and fails where the prompt asks it to (see `library.FAILURES`). Jobs,
their order and what is kept of them are the board's, as in every engine.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.events import Resident, TokenCount
from backend.contracts.library import HashedKind, Library, Wildcard
from backend.contracts.requests import ResolvedRequest, Runnable
from backend.contracts.settings import Settings
from backend.engine.fake import run as fake_run
from backend.engine.fake import training as fake_training
from backend.engine.fake import words as fake_words
from backend.engine.fake.executor import FakeExecutor, Pretended
from backend.engine.fake.library import GIB, library
from backend.engine.fake.steps import DrawnStep
from backend.engine.jobs.board import Board
from backend.engine.jobs.crew import device_memory
from backend.engine.jobs.job import Job
from backend.engine.jobs.limits import STANDARD_LIMITS, Limits
from backend.engine.jobs.patience import Patience
from backend.engine.jobs.protocol import PORTRAIT_PX, DeviceMemory, Memory, PortraitKind
from backend.engine.jobs.saving import SavesPictures
from backend.engine.jobs.seats import Seat


class FakeEngine(Board[DrawnStep]):
    """Implements `backend.engine.jobs.protocol.Engine`.

    Args:
        storage: Where pictures are saved; None keeps them in memory.
        step_time_s: Duration of one model step.
        load_time_s: Duration of the first use of a model.
        patience: How long jobs go on while nobody watches.
        limits: What the board keeps, and how much may wait.
        models: Names of the models that it pretends to have.
        wildcards: What prompts may draw from.
        queue: Folder where jobs are kept for after a restart.
        devices: Names of those that it pretends to have; "" is one alone.
    """

    def __init__(
        self,
        *,
        storage: SavesPictures | None = None,
        step_time_s: float = 0.05,
        load_time_s: float = 0.0,
        patience: Patience | None = None,
        limits: Limits = STANDARD_LIMITS,
        models: tuple[str, ...] = ("pocket", "studio-xl"),
        wildcards: Mapping[str, Wildcard] | None = None,
        queue: Path | None = None,
        devices: Sequence[str] = ("",),
    ) -> None:
        super().__init__(patience, limits, queue)
        self._models = models
        self._wildcards: Mapping[str, Wildcard] = {} if wildcards is None else wildcards
        self._trained: list[str] = []
        self._grown: list[str] = []
        self._pretended = {
            name: Pretended(step_time_s, load_time_s, trained=self._trained, grown=self._grown)
            for name in devices
        }
        for name, pretended in self._pretended.items():
            executor = FakeExecutor(pretended, self._timelines)
            self._employ(executor, storage, f"fake-engine {name}".strip(), self._seat(name))
        self._restore()

    def _seat(self, name: str) -> Seat[Job]:
        loaded = self._pretended[name].loaded
        seat = Seat[Job](name, loaded=lambda: len(loaded))
        seat.holds = lambda job: self._crew.holds(seat, job, lambda model: model in loaded)
        return seat

    @property
    def step_time_s(self) -> float:
        """Duration of one model step."""
        return next(iter(self._pretended.values())).step_time_s

    @step_time_s.setter
    def step_time_s(self, duration_s: float) -> None:
        for pretended in self._pretended.values():
            pretended.step_time_s = duration_s

    def submit(
        self,
        request: Runnable,
        owner: str = "",
        *,
        background: bool = False,
        lasting: bool = False,
        token: str = "",
    ) -> str:
        """Queues a job and returns its token; see the protocol."""
        if isinstance(request, ResolvedRequest):
            self._check_limits(request)
        return self._put(request, owner, background=background, lasting=lasting, token=token)

    def _check_limits(self, request: ResolvedRequest) -> None:
        for settings in request.runs:
            if not settings.needs_model:
                continue
            if (settings.width or 0) * (settings.height or 0) > 1536 * 1536:
                raise BadInput(
                    "This picture is too large for the memory; 1536x1536 would fit.", "width"
                )

    def levels(self, settings: Settings) -> tuple[float, ...]:
        """Evenly from 14.6 to 0."""
        return fake_run.levels(settings)

    def seconds(self, settings: Settings) -> float | None:
        """Every step takes `step_time_s`."""
        return self._foreseen_s(settings)

    def count_tokens(self, model: str, text: str) -> TokenCount | None:
        """As if every word and every mark were a token."""
        return fake_words.count(text) if model in self._models else None

    def library(self, *, refresh: bool = False) -> Library:
        """Two models, every sampler, LoRAs, a ControlNet, and what was trained here."""
        found = library((*self._models, *self._grown))
        trained = map(fake_training.lora, self._trained)
        several = len(self._pretended) > 1
        return replace(
            found,
            loras=(*found.loras, *trained),
            wildcards=self._wildcards,
            device=", ".join(self._pretended) if several else found.device,
        )

    def portrait(self, kind: PortraitKind, name: str) -> bytes | None:
        """A plain colour, of everything but what is called grand."""
        if name.startswith("grand"):
            return None
        colour = hashlib.sha256(name.encode()).digest()[:3]
        stream = io.BytesIO()
        Image.new("RGB", (PORTRAIT_PX, PORTRAIT_PX), (colour[0], colour[1], colour[2])).save(
            stream, "JPEG"
        )
        return stream.getvalue()

    def find(self, kind: HashedKind, wanted: str) -> str | None:
        """As if each file held its own name."""
        there = self.library()
        entries = {
            "model": there.models,
            "lora": there.loras,
            "vae": there.vaes,
            "embedding": there.embeddings,
        }
        for entry in entries[kind]:
            if hashlib.sha256(entry.name.encode()).hexdigest().startswith(wanted.lower()):
                return entry.name
        return None

    def memory(self) -> Memory:
        """As if each loaded model held 1 GiB."""
        devices = tuple(self._memory_of(seat) for seat in self._crew.seats)
        used, budget = (
            sum(values)
            for values in zip(*((one.used_bytes, one.budget_bytes) for one in devices), strict=True)
        )
        parts = tuple(part for one in devices for part in one.residents)
        several = devices if len(devices) > 1 else ()
        return Memory(used, budget, used, budget, parts, self._holdings(), devices=several)

    def _memory_of(self, seat: Seat[Job]) -> DeviceMemory:
        names = sorted(self._pretended[seat.name].loaded)
        parts = tuple(Resident((name,), "unet", GIB, 0, False, 0.0) for name in names)
        used = len(parts) * GIB
        return device_memory(seat, "Stand-in", (used, 16 * GIB, used, 16 * GIB), parts)

    def free_memory(self) -> int:
        """Forgets that models were loaded, and what is kept of jobs that have ended."""
        freed = 0
        for pretended in self._pretended.values():
            freed += len(pretended.loaded) * GIB
            pretended.loaded.clear()
        return freed + self._release()
