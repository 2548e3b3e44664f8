"""ModelManager: loaded models, shared, pinned while in use, evicted by bytes.

On a GPU weights have two places: the masters in RAM, and copies on the device for the models in
use. Elsewhere they are used where they lie, and RAM is the only budget. Models that are in use and
do not fit the device together take turns there, piece by piece.
"""

from __future__ import annotations

import gc
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence, ValuesView
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

from torch import nn

from backend.contracts.events import Resident
from backend.contracts.holdings import Holding, Keeper
from backend.models.loading import TOO_LARGE
from backend.models.memory import block_offload
from backend.models.memory.device_space import DeviceSpace, DeviceTier
from backend.models.memory.memory_pressure import Way, overcome
from backend.models.memory.residency import Weights, content_key
from backend.models.patches import PatchStack


class Loaded(Protocol):
    """Anything that knows its modules, which are in RAM when it comes from the loader, and what is
    on them."""

    @property
    def parts(self) -> Mapping[str, nn.Module]: ...
    @property
    def blocks(self) -> Mapping[str, Sequence[nn.Module]]:
        """Of the parts that are large and hardly ever the same in two models: their blocks.

        These may take turns on a device, and such a part is not read through to share it.
        """
        ...

    @property
    def patches(self) -> PatchStack: ...


LoadedT = TypeVar("LoadedT", bound=Loaded)


@dataclass
class _Entry(Generic[LoadedT]):
    model: LoadedT
    weights: dict[str, Weights]
    used_at: float
    leases: int = 0

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return self.model.parts

    @property
    def patches(self) -> PatchStack:
        return self.model.patches


class _Loading:
    """One load that is under way; others who want the same wait for it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: BaseException | None = None


@dataclass
class _Shared:
    """Weights by content, for parts that several models have in common."""

    by_key: dict[str, Weights] = field(default_factory=dict[str, Weights])

    def take(
        self, part: str, module: nn.Module, key: str | None, blocks: Sequence[nn.Module]
    ) -> Weights:
        if key is None:
            return Weights(module, blocks)
        known = self.by_key.get(f"{part} {key}")
        if known is None:
            known = self.by_key[f"{part} {key}"] = Weights(module)
        else:
            known.adopt(module)
        return known

    def keep_only(self, used: Iterable[Weights]) -> None:
        ids = {id(weights) for weights in used}
        self.by_key = {key: kept for key, kept in self.by_key.items() if id(kept) in ids}


def _expect_nothing(name: str) -> int:
    return 0


class ModelManager(Generic[LoadedT]):
    """A cache of loaded models. Every method is safe from any thread."""

    def __init__(
        self,
        load: Callable[[str], LoadedT],
        budget_bytes: int,
        *,
        device: DeviceTier | None = None,
        idle_s: float = math.inf,
        expect: Callable[[str], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Sets up an empty cache.

        Args:
            load: Loads a model by name, into RAM; called outside the lock.
            budget_bytes: Models that nobody leases are dropped, the least recently used first,
                while the weights in RAM are more than this. Leased models may exceed it.
            device: Where weights are copied to for use; None where they are used in place.
            idle_s: `release_idle` drops models that nobody used for so long.
            expect: Bytes that a model will take, so that room is made before it is loaded.
            clock: Seconds, rising.
        """
        self._load = load
        self._budget = budget_bytes
        self._idle_s = idle_s
        self._expect = expect or _expect_nothing
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry[LoadedT]] = OrderedDict()
        self._shared = _Shared()
        self._loading: dict[str, _Loading] = {}
        self._space = device and DeviceSpace(device, self._lock, self._held)

    def share_device(self, keeper: Keeper) -> None:
        """Counts what a keeper holds on the device within its budget, and lets it go in need.

        Args:
            keeper: It must not ask the cache for anything while it answers.
        """
        if self._space is not None:
            self._space.beside = (*self._space.beside, keeper)

    @contextmanager
    def lease(self, name: str) -> Generator[LoadedT]:
        """The model `name`, loaded if need be, on the device and kept while the context lasts.

        Where the models in use are more than the device's budget, their pieces take turns there
        instead, which the job is told. Two threads that ask at once share one load; if it fails,
        both get its error and the cache stays as it was.

        Raises:
            OutOfMemory: RAM cannot hold it, though every idle model was let go.
        """
        entry = self._acquire(name)
        try:
            if self._space is not None:
                self._space.bring(entry)
            yield entry.model
        finally:
            with self._lock:
                entry.leases -= 1
                entry.used_at = self._clock()
                self._make_room(0)
                self._evict(self._budget)

    # --- what is held ------------------------------------------------------------------------

    @property
    def used_bytes(self) -> int:
        """Bytes of the weights where models run."""
        with self._lock:
            return self._used() if self._space is None else self._space.used()

    @property
    def budget_bytes(self) -> int:
        """The budget of the place where models run."""
        return self._budget if self._space is None else self._space.tier.budget_bytes

    @property
    def ram_bytes(self) -> int:
        """Bytes of the weights in RAM."""
        with self._lock:
            return self._used()

    @property
    def ram_budget_bytes(self) -> int:
        """The budget given at the start."""
        return self._budget

    @property
    def names(self) -> tuple[str, ...]:
        """Models in the cache, the least recently used first."""
        with self._lock:
            return tuple(self._entries)

    def holds(self, name: str) -> bool:
        """Whether a lease would be given at once: the model is whole where models run."""
        with self._lock:
            entry = self._entries.get(name)
            return entry is not None and (
                self._space is None
                or all(weights.device_bytes >= weights.nbytes for weights in entry.weights.values())
            )

    def at_hand(self, name: str) -> bool:
        """As `holds`, without waiting for whoever moves weights: true of a moment ago."""
        entry = self._entries.get(name)
        if entry is None or self._space is None:
            return entry is not None
        return all(weights.device_bytes >= weights.nbytes for weights in entry.weights.values())

    @property
    def count(self) -> int:
        """Models in the cache, a moment ago."""
        return len(self._entries)

    def holdings(self) -> tuple[Holding, ...]:
        """What the models keep beside their weights."""
        with self._lock:
            return tuple(item for keeper in self._keeping() for item in keeper.holdings())

    def release(self) -> int:
        """Lets go of what models that nobody leases keep beside their weights."""
        with self._lock:
            return sum(keeper.release() for keeper in self._keeping(idle_only=True))

    def _keeping(self, *, idle_only: bool = False) -> list[Keeper]:
        return [
            entry.model
            for entry in self._entries.values()
            if isinstance(entry.model, Keeper) and not (idle_only and entry.leases)
        ]

    def residents(self) -> tuple[Resident, ...]:
        """Every part in memory, those of the most recently used model first."""
        with self._lock:
            now = self._clock()
            found: list[Resident] = []
            seen: set[int] = set()
            for entry in reversed(self._entries.values()):
                for part, weights in entry.weights.items():
                    if id(weights) in seen:
                        continue
                    seen.add(id(weights))
                    users = {n: e for n, e in self._entries.items() if _has(e, weights)}
                    in_use = any(user.leases for user in users.values())
                    idle_s = now - max(user.used_at for user in users.values())
                    found.append(
                        Resident(
                            tuple(reversed(users)),
                            part,
                            weights.nbytes,
                            weights.device_bytes,
                            in_use,
                            0.0 if in_use else idle_s,
                        )
                    )
            return tuple(found)

    # --- letting go --------------------------------------------------------------------------

    def free(self) -> int:
        """Drops every model that nobody leases and returns the bytes given back."""
        with self._lock:
            before = self._used() + self._used_on_device()
            self._evict(0)
            self._make_room(math.inf)
            freed = before - self._used() - self._used_on_device()
        self._hand_back()
        return freed

    def relieve(self) -> None:
        """Makes room where models run: idle ones leave the device, or go where there is one place.

        The parts of models in use take turns on the device from then on.
        """
        if self._space is None:
            self.free()
        else:
            self._space.relieve()

    def release_idle(self) -> tuple[str, ...]:
        """Drops the models that nobody used for the idle time and returns their names."""
        with self._lock:
            until = self._clock() - self._idle_s
            gone = tuple(
                name
                for name, entry in self._entries.items()
                if not entry.leases and entry.used_at <= until
            )
            for name in gone:
                self._drop(name)
        if gone:
            self._hand_back()
        return gone

    def _hand_back(self) -> None:
        gc.collect()  # modules refer to themselves in circles
        if self._space is not None:
            self._space.hand_back()

    # --- getting -----------------------------------------------------------------------------

    def _acquire(self, name: str) -> _Entry[LoadedT]:
        """The pinned entry of `name`."""
        while True:
            with self._lock:
                entry = self._entries.get(name)
                if entry is not None:
                    entry.leases += 1
                    self._entries.move_to_end(name)
                    return entry
                waiting = self._loading.get(name)
                if waiting is None:
                    mine = self._loading[name] = _Loading()
                    break
            waiting.done.wait()
            if waiting.error is not None:
                raise waiting.error
        return self._load_now(name, mine)

    def _load_now(self, name: str, loading: _Loading) -> _Entry[LoadedT]:
        try:
            expected = self._expect(name)
            with self._lock:
                self._evict(max(0, self._budget - expected))
            model = self._load_with_room(name)
            keys = {
                part: None if part in model.blocks else content_key(module)
                for part, module in model.parts.items()
            }
        except BaseException as error:
            loading.error = error
            with self._lock:
                del self._loading[name]
            loading.done.set()
            raise
        with self._lock:
            weights = {
                part: self._shared.take(part, module, keys[part], model.blocks.get(part, ()))
                for part, module in model.parts.items()
            }
            entry = _Entry(model, weights, self._clock(), leases=1)
            self._entries[name] = entry
            del self._loading[name]
            self._evict(self._budget)
        loading.done.set()
        return entry

    def _load_with_room(self, name: str) -> LoadedT:
        """Loads; where memory runs short, once more with every idle model gone."""
        load = Way(partial(self._load, name))
        return overcome((load, load), TOO_LARGE, self.free, refused=True)

    # --- bytes; the lock is held -------------------------------------------------------------

    def _held(self) -> ValuesView[_Entry[LoadedT]]:
        return self._entries.values()

    def _all(self) -> dict[int, Weights]:
        return {id(w): w for entry in self._entries.values() for w in entry.weights.values()}

    def _used(self) -> int:
        return sum(weights.nbytes for weights in self._all().values())

    def _used_on_device(self) -> int:
        return 0 if self._space is None else self._space.used()

    def _make_room(self, wanted: float) -> None:
        if self._space is not None:
            self._space.make_room(wanted)

    def _evict(self, limit: int) -> None:
        """Drops idle entries, oldest first, until at most `limit` bytes are in RAM."""
        for name, entry in list(self._entries.items()):
            if self._used() <= limit:
                return
            if entry.leases == 0:
                self._drop(name)

    def _drop(self, name: str) -> None:
        entry = self._entries.pop(name)
        modules = entry.model.parts
        for part, weights in entry.weights.items():
            block_offload.end(entry.patches, modules[part])
            weights.leave(modules[part])
        self._shared.keep_only(self._all().values())


def _has(entry: _Entry[LoadedT], weights: Weights) -> bool:
    return any(own is weights for own in entry.weights.values())
