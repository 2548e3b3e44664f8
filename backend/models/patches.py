"""What changes a model in memory for a while: patches, on the stack of whoever holds the model.

A patch is in force while a context lasts, says what it needs meanwhile, and leaves every bit as it
was. Whoever calls a module, or moves its weights, asks the stack; no module knows of its patches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Protocol, TypeVar

import torch
from torch import nn

from backend.contracts.holdings import Holding


@dataclass(frozen=True)
class Needs:
    """What a patch asks of those who use its module.

    Attributes:
        whole_batch: The rows of a call have places: weights of their own, or they look at each
            other. No batch may be cut.
        eager: Its calls are made plainly: the module's structure is not its own.
        in_place: Its weights stay where they are.
    """

    whole_batch: bool = False
    eager: bool = False
    in_place: bool = False

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.whole_batch or other.whole_batch,
            self.eager or other.eager,
            self.in_place or other.in_place,
        )


class Patch(Protocol):
    """One change of a module."""

    @property
    def needs(self) -> Needs:
        """What it needs now; it may need something else for the next call."""
        ...

    def holdings(self) -> tuple[Holding, ...]:
        """What it keeps in memory while it is in force. Safe from any thread."""
        ...


PatchT = TypeVar("PatchT")
Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Claim:
    """A patch that changes nothing, and only has needs."""

    needs: Needs

    def holdings(self) -> tuple[Holding, ...]:
        """Nothing."""
        return ()


class PatchStack:
    """The patches of one model in memory, the last one put on last. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: tuple[tuple[nn.Module, Patch], ...] = ()

    def put(self, patch: Patch, module: nn.Module, alone: str = "") -> None:
        """Puts a patch on a module, until `take_off`.

        Args:
            alone: What is said where the module has a patch of this kind; "" lets it have several.

        Raises:
            RuntimeError: It has one, which `alone` does not let it.
        """
        with self._lock:
            if alone and any(
                own is module and isinstance(other, type(patch)) for own, other in self._entries
            ):
                raise RuntimeError(alone)
            self._entries = (*self._entries, (module, patch))

    def take_off(self, patch: Patch) -> None:
        """Takes a patch off, wherever in the stack it is; without effect where it is off."""
        with self._lock:
            self._entries = tuple(entry for entry in self._entries if entry[1] is not patch)

    @contextmanager
    def under(self, patch: Patch, module: nn.Module, alone: str = "") -> Generator[None]:
        """The patch on the module while the context lasts; see `put`."""
        self.put(patch, module, alone)
        try:
            yield
        finally:
            self.take_off(patch)

    def needs(self, module: nn.Module) -> Needs:
        """What all patches of a module need now."""
        own_needs = (patch.needs for own, patch in self._entries if own is module)
        return reduce(Needs.__or__, own_needs, Needs())

    def find(self, module: nn.Module, kind: type[PatchT]) -> PatchT | None:
        """The first patch of a kind on a module."""
        for own, patch in self._entries:
            if own is module and isinstance(patch, kind):
                return patch
        return None

    def release(self) -> int:
        """Nothing goes: all of it is needed while the patches are in force."""
        return 0

    def holdings(self) -> tuple[Holding, ...]:
        """What the patches in force keep in memory."""
        return tuple(item for _, patch in self._entries for item in patch.holdings())


class Detour:
    """A layer whose calls go another way, until `end`; its hooks run as before.

    Detours of one layer end in the reverse order.
    """

    def __init__(self, layer: nn.Module, forward: Forward) -> None:
        """Begins it: an attribute of the instance goes before the class's method."""
        self._layer = layer
        self._before: Forward | None = vars(layer).get("forward")
        setattr(layer, "forward", forward)  # noqa: B010, a method by annotation

    def end(self) -> None:
        """The way that it went before."""
        if self._before is None:
            del self._layer.forward
        else:
            setattr(self._layer, "forward", self._before)  # noqa: B010, as above
