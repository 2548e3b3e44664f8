"""ModelManager: loaded models, shared, pinned while in use, evicted by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Loaded(Protocol):
    """Anything that knows its size in memory."""

    @property
    def nbytes(self) -> int: ...


LoadedT = TypeVar("LoadedT", bound=Loaded)


@dataclass
class _Entry(Generic[LoadedT]):
    model: LoadedT
    nbytes: int
    leases: int = 0


class _Loading:
    """One load that is under way; others who want the same wait for it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: BaseException | None = None


class ModelManager(Generic[LoadedT]):
    """A cache of loaded models. Every method is safe from any thread."""

    def __init__(self, load: Callable[[str], LoadedT], budget_bytes: int) -> None:
        """Sets up an empty cache.

        Args:
            load: Loads a model by name; called outside the lock.
            budget_bytes: Models that nobody leases are dropped, the least recently used first,
                while the cache holds more than this. Leased models may exceed it.
        """
        self._load = load
        self._budget = budget_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry[LoadedT]] = OrderedDict()
        self._loading: dict[str, _Loading] = {}

    @contextmanager
    def lease(self, name: str) -> Iterator[LoadedT]:
        """The model `name`, loaded if need be and kept while the context lasts.

        Two threads that ask at once share one load; if it fails, both get its error and the
        cache stays as it was.
        """
        entry = self._acquire(name)
        try:
            yield entry.model
        finally:
            with self._lock:
                entry.leases -= 1
                self._evict(self._budget)

    @property
    def used_bytes(self) -> int:
        """Bytes of all models in the cache."""
        with self._lock:
            return self._used()

    @property
    def budget_bytes(self) -> int:
        """The budget given at the start."""
        return self._budget

    @property
    def names(self) -> tuple[str, ...]:
        """Models in the cache, the least recently used first."""
        with self._lock:
            return tuple(self._entries)

    def free(self) -> int:
        """Drops every model that nobody leases and returns the bytes given back."""
        with self._lock:
            before = self._used()
            self._evict(0)
            return before - self._used()

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
            model = self._load(name)
            entry = _Entry(model, model.nbytes, leases=1)
        except BaseException as error:
            loading.error = error
            with self._lock:
                del self._loading[name]
            loading.done.set()
            raise
        with self._lock:
            self._entries[name] = entry
            del self._loading[name]
            self._evict(self._budget)
        loading.done.set()
        return entry

    def _used(self) -> int:
        return sum(entry.nbytes for entry in self._entries.values())

    def _evict(self, limit: int) -> None:
        """Drops idle entries, oldest first, until at most `limit` bytes are held."""
        used = self._used()
        for name, entry in list(self._entries.items()):
            if used <= limit:
                return
            if entry.leases == 0:
                del self._entries[name]
                used -= entry.nbytes
