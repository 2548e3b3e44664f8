"""The engine on this machine: a worker thread for each device."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from backend.contracts.errors import OutOfMemory, UnknownName
from backend.contracts.events import TokenCount
from backend.contracts.holdings import Keeper
from backend.contracts.library import HashedKind, Library, Wildcard
from backend.contracts.requests import (
    ResolvedRequest,
    Runnable,
    TrainDigitsRequest,
    TrainLoraRequest,
)
from backend.contracts.settings import Settings, Txt2ImgSettings, XyzGridSettings
from backend.engine.jobs.board import Board
from backend.engine.jobs.limits import STANDARD_LIMITS, Limits
from backend.engine.jobs.patience import Patience
from backend.engine.jobs.protocol import PORTRAIT_PX, Memory, PortraitKind
from backend.engine.local.cache import STANDARD_BUDGETS, Budgets, release_idle
from backend.engine.local.executor import LocalExecutor, RunMode, Workshop
from backend.engine.local.fits import controlnets_of, ipadapters_of, loras_of
from backend.engine.local.kept_steps import TensorStep
from backend.engine.local.library import (
    aliases_of,
    embeddings_of,
    models_of,
    upscalers_of,
    vaes_of,
)
from backend.engine.local.loras import LoraFiles
from backend.engine.local.stations import Station, memory_of, seat_of, stations, steps_at
from backend.families.registry import FAMILIES
from backend.models.autoencoder.preview import PreviewKind
from backend.models.catalog.beside import picture_of
from backend.models.catalog.by_hash import Hashes
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.entry import Kind, ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.compiled import check_compile
from backend.models.family import Registry
from backend.models.lora.fit import LoraFits
from backend.models.manager import ModelManager
from backend.models.memory.devices import CompileKind, Device, Target, picks
from backend.models.text.embeddings import EmbeddingFiles
from backend.models.text.token_count import TokenCounter
from backend.modes import limits as mode_limits
from backend.modes import run_mode, train_lora
from backend.modes.stage import latent_positions
from backend.modes.start import check_branch
from backend.pictures.thumbs import small_jpeg
from backend.sampling import schedule as schedules
from backend.sampling.config import SchedulerConfig
from backend.sampling.samplers import ENTRIES
from backend.storage.outputs import Storage

log = logging.getLogger(__name__)


class LocalEngine(Board[TensorStep]):
    """Implements `backend.engine.jobs.protocol.Engine` with a thread for each device.

    Args:
        catalog: The models at hand.
        models: Their cache.
        target: Device and dtype.
        storage: Where results are saved; None keeps them in memory.
        preview: How previews are decoded.
        patience: How long jobs go on while nobody watches.
        limits: What the board keeps, and how much may wait.
        run: Runs a mode; tests put their own here.
        wildcards: What prompts may draw from.
        queue: Folder where jobs are kept for after a restart.
        name: Of the device, where there are several.
        beside: The others.
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
        limits: Limits = STANDARD_LIMITS,
        run: RunMode = run_mode,
        wildcards: Mapping[str, Wildcard] | None = None,
        queue: Path | None = None,
        name: str = "",
        beside: Sequence[Station] = (),
    ) -> None:
        super().__init__(patience, limits, queue)
        self._catalog = catalog
        self._stations = (Station(models, target, name), *beside)
        self._fits = LoraFits(catalog.families)
        self._hashes = Hashes()
        self._wildcards: Mapping[str, Wildcard] = {} if wildcards is None else wildcards
        self._tokens = TokenCounter(catalog.families, EmbeddingFiles(catalog))
        self._loras = LoraFiles(catalog)
        self._shops = [self._workshop(station) for station in self._stations]
        on_host = sum(Device(station.target.device).is_host for station in self._stations)
        for station, shop in zip(self._stations, self._shops, strict=True):
            seat = seat_of(station, self._crew, on_host)
            thread = f"device-worker {station.name}".strip()
            self._employ(LocalExecutor(shop, run, preview), storage, thread, seat)
        self._loading = ""
        self._closing = threading.Event()
        caches = [station.models for station in self._stations]
        self._janitor = threading.Thread(
            target=release_idle, args=(caches, self._closing), name="idle-models", daemon=True
        )
        self._janitor.start()
        self._restore()

    def _workshop(self, station: Station) -> Workshop:
        steps = steps_at(self._timelines, station)
        station.models.share_device(steps)
        return Workshop(
            self._catalog,
            station.models,
            station.target,
            self._loras,
            self._timelines,
            own_steps=steps,
        )

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
        patience: Patience | None = None,
        warm_up: str | None = "",
        budgets: Budgets = STANDARD_BUDGETS,
        wildcards: Mapping[str, Wildcard] | None = None,
        families: Registry = FAMILIES,
        queue: Path | None = None,
        limits: Limits = STANDARD_LIMITS,
    ) -> Self:
        """The engine as the app runs it.

        Args:
            models: Model folders, the first wins where two hold the same name.
            storage: Where results are saved.
            device: e.g. "cuda", "cpu", "cuda:0,cuda:1", "all"; None picks the best.
            dtype: e.g. "bfloat16", "float32"; None picks what is fastest here.
            compiled: How UNets and ControlNets are called.
            preview: off, fast, tiny or full.
            patience: How long jobs go on while nobody watches.
            warm_up: Model to load at once, in the background; "" is the default one.
            budgets: What the model cache may hold, and for how long.
            wildcards: What prompts may draw from.
            families: Who knows checkpoints.
            queue: Folder where jobs are kept for after a restart.
            limits: What the board keeps, and how much may wait.
        """
        targets = {
            name: replace(target, compile=compiled) for name, target in picks(device, dtype).items()
        }
        for target in targets.values():
            check_compile(compiled, target.device)
        catalog = Catalog(models, families)

        first, *beside = stations(catalog, targets, budgets)
        engine = cls(
            catalog,
            first.models,
            first.target,
            storage,
            preview=preview,
            patience=patience,
            wildcards=wildcards,
            queue=queue,
            limits=limits,
            name=first.name,
            beside=beside,
        )
        wanted = None if warm_up is None else warm_up or catalog.default
        if wanted:
            engine._loading = wanted
            threading.Thread(target=engine._warm_up, name="warm-up", daemon=True).start()
        return engine

    def _warm_up(self) -> None:
        warm(self._models, self._loading, self._shop.lock)  # others load what their jobs need
        self._loading = ""

    # --- jobs --------------------------------------------------------------------------------

    def submit(
        self,
        request: Runnable,
        owner: str = "",
        *,
        background: bool = False,
        lasting: bool = False,
        token: str = "",
    ) -> str:
        """Queues a request; see the protocol."""
        match request:
            case TrainLoraRequest():
                info = self._catalog.checkpoint(request.settings.model)
                train_lora.check(request, info, self._catalog.lora_folder)
            case TrainDigitsRequest():
                from backend.modes.lab import digits  # nothing of the Lab before it is opened

                digits.check(request, self._catalog.checkpoint_folder)
            case ResolvedRequest():
                self._check_limits(request)
                if request.branch is not None:
                    past = self._timelines.load(request.branch.token, request.branch.step)
                    check_branch(past.settings, request.settings, request.branch)
            case _:
                pass
        return self._put(request, owner, background=background, lasting=lasting, token=token)

    def _check_limits(self, request: ResolvedRequest) -> None:
        """Refuses what fits into no device; the cells of a grid differ in size."""
        grid = isinstance(request.settings, XyzGridSettings)
        for settings in request.runs if grid else (request.settings,):
            if not settings.needs_model:
                continue
            if isinstance(settings, Txt2ImgSettings) and settings.later:
                settings = settings.first_stage  # the later ones go on in tiles
            self._check_fits(settings, self._catalog.checkpoint(settings.model))

    def _check_fits(self, settings: Settings, info: ModelInfo) -> None:
        said: OutOfMemory | None = None
        for station in self._stations:
            try:
                return mode_limits.check(settings, info, station.target)
            except OutOfMemory as error:
                said = said or error
        assert said is not None, "there is a device"
        raise said

    # --- what there is -----------------------------------------------------------------------

    def levels(self, settings: Settings) -> tuple[float, ...]:
        info = self._catalog.checkpoint(settings.model)
        config = SchedulerConfig.from_dict(self._catalog.families.scheduler_config(info))
        schedule = schedules.make(
            settings.sampler,
            settings.schedule,
            settings.steps,
            config,
            info.family,
            settings.own_time_steps,
            latent_positions(settings, config, info.anatomy.factor),
        )
        return tuple(schedule.levels)

    def seconds(self, settings: Settings) -> float | None:
        return self._foreseen_s(settings)

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
            samplers=ENTRIES,
            loras=loras_of(self._catalog, self._fits),
            vaes=vaes_of(self._catalog),
            controlnets=controlnets_of(self._catalog),
            embeddings=embeddings_of(self._catalog),
            upscalers=upscalers_of(self._catalog),
            ipadapters=ipadapters_of(self._catalog),
            wildcards=self._wildcards,
            device=", ".join(one.name or str(one.target.device) for one in self._stations),
            dtype=self._stations[0].target.dtype_name,
            aliases=aliases_of(self._catalog),
        )

    def find(self, kind: HashedKind, wanted: str) -> str | None:
        folder: Kind = "checkpoint" if kind == "model" else kind
        found = self._hashes.find(self._catalog.models(folder), wanted)
        return None if found is None else found.name

    def portrait(self, kind: PortraitKind, name: str) -> bytes | None:
        folder: Kind = "checkpoint" if kind == "model" else kind
        picture = picture_of(self._catalog.find(folder, name).path)
        return None if picture is None else small_jpeg(picture.read_bytes(), PORTRAIT_PX)

    def memory(self) -> Memory:
        working = list(zip(self._stations, self._crew.seats, strict=True))
        return memory_of(working, self._holdings(), self._loading)

    def set_device(
        self, name: str, *, takes: bool | None = None, pinned: str | None = None
    ) -> None:
        if pinned:
            pinned = self._catalog.checkpoint(pinned).name
        super().set_device(name, takes=takes, pinned=pinned)

    @property
    def _models(self) -> ModelManager[Checkpoint]:
        """Of the first device."""
        return self._stations[0].models

    @property
    def _shop(self) -> Workshop:
        """Likewise."""
        return self._shops[0]

    @property
    def _keepers(self) -> tuple[Keeper, ...]:
        """With the caches that the jobs of a device share."""
        own = [
            keeper for shop in self._shops for keeper in (shop.models, shop.posteriors, shop.ends)
        ]
        return (*super()._keepers, *own, self._loras)

    def free_memory(self) -> int:
        return self._release() + sum(station.models.free() for station in self._stations)

    def close(self) -> None:
        super().close()
        self._closing.set()
        self._janitor.join(timeout=30)


def warm(models: ModelManager[Checkpoint], name: str, device_lock: threading.RLock) -> None:
    """Loads a model before it is asked for; a failure is left for the job that needs it."""
    started = time.monotonic()
    try:
        with device_lock, models.lease(name):
            log.info("%s is ready after %.1f s", name, time.monotonic() - started)
    except Exception as error:
        log.warning("%s could not be loaded yet: %s", name, error)
