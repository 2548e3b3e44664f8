"""The devices of a local engine: each has a cache, a workshop and a worker of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.contracts.holdings import Holding, Keeper
from backend.engine.jobs.crew import Crew, device_memory
from backend.engine.jobs.job import Job
from backend.engine.jobs.protocol import Memory
from backend.engine.jobs.seats import Seat
from backend.engine.local.cache import Budgets, library_cache
from backend.engine.local.kept_steps import TensorStep, Timelines
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.manager import ModelManager
from backend.models.memory.devices import Device, Target, hardware, place_of


@dataclass(frozen=True)
class Station:
    """One device.

    Attributes:
        models: Its cache.
        target: Device and dtype.
        name: Of its worker, e.g. "cuda:1"; "" where there is one device alone.
    """

    models: ModelManager[Checkpoint]
    target: Target
    name: str = ""


def stations(catalog: Catalog, targets: dict[str, Target], budgets: Budgets) -> list[Station]:
    """A cache for each device; RAM is divided between them.

    Args:
        catalog: The models at hand.
        targets: By name, from `picks`.
        budgets: Of one device; RAM's is of all together.
    """
    if len(targets) == 1:
        (target,) = targets.values()
        return [Station(library_cache(catalog, target, budgets), target)]
    own = budgets.divided(len(targets))
    return [
        Station(library_cache(catalog, target, own), target, name)
        for name, target in targets.items()
    ]


@dataclass(frozen=True)
class StepsAt:
    """The stored steps that lie on one device, as its cache counts them and lets them go."""

    timelines: Timelines
    place: str

    def holdings(self) -> tuple[Holding, ...]:
        """As the store's."""
        return tuple(one for one in self.timelines.holdings() if one.place == self.place)

    def release(self) -> int:
        """Those of runs that have ended."""
        return self.timelines.release(self.place)


def steps_at(timelines: Timelines, station: Station) -> Keeper:
    """The stored steps that a device may let go: all of them where it is the only one."""
    return StepsAt(timelines, place_of(station.target.device)) if station.name else timelines


def seat_of(station: Station, crew: Crew[TensorStep], on_host: int) -> Seat[Job]:
    """A device's place in the queue.

    Args:
        station: The device.
        crew: Whose it is.
        on_host: Workers that share the CPU's cores.
    """
    device, models = Device(station.target.device), station.models
    if not station.name:
        return Seat[Job]()
    threads = max(1, torch.get_num_threads() // max(1, on_host))

    def ready() -> None:
        device.choose()
        if device.is_host:
            torch.set_num_threads(threads)

    def lost(error: BaseException) -> str:
        why = device.is_lost()
        return f"{station.name} failed: {why}." if why else ""

    seat = Seat[Job](
        station.name,
        loaded=lambda: models.count,
        lost=lost,
        room_bytes=device.capacity_bytes,
        ready=ready,
    )
    seat.holds = lambda job: crew.holds(seat, job, models.at_hand)
    return seat


def memory_of(
    working: Sequence[tuple[Station, Seat[Job]]],
    kept: tuple[Holding, ...],
    loading: str,
) -> Memory:
    """What the caches hold: together, and where there are several, each by itself."""
    devices = tuple(
        device_memory(seat, hardware(one.target.device), _sizes(one.models), one.models.residents())
        for one, seat in working
    )
    return Memory(
        sum(one.used_bytes for one in devices),
        sum(one.budget_bytes for one in devices),
        sum(one.ram_bytes for one in devices),
        sum(one.ram_budget_bytes for one in devices),
        tuple(part for one in devices for part in one.residents),
        kept,
        loading,
        devices if len(devices) > 1 else (),
    )


def _sizes(models: ModelManager[Checkpoint]) -> tuple[int, int, int, int]:
    return models.used_bytes, models.budget_bytes, models.ram_bytes, models.ram_budget_bytes
