"""The devices `ghost:0` and `ghost:1`: their memory, and what the host has waited for."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from backend.models.memory.devices import Target
from tests.ghost.memory import Memory
from tests.ghost.streams import Streams

DEVICE, DEVICES = "ghost", 2


@dataclass(frozen=True)
class Wait:
    """Once that the host waited.

    Attributes:
        what: The kind.
        where: The line of the product that did.
        thread: Of the host.
    """

    what: str
    where: str
    thread: int

    def __str__(self) -> str:
        return f"{self.what} in {self.where}"


class Machine:
    """Two devices: their memory, their streams, and what the host has waited for."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.streams = Streams({})
        self.waits: list[Wait] = []
        self.pinned: set[int] = set()

    @property
    def problems(self) -> list[str]:
        """Orders that only luck has kept."""
        return self.memory.problems

    @staticmethod
    def target(index: int = 0, dtype: torch.dtype = torch.float32) -> Target:
        """What an engine is told to run on."""
        return Target(torch.device(DEVICE, index), dtype)

    def waited(self, what: str) -> None:
        """Notes a wait."""
        frame = sys._getframe(1)
        while frame.f_back is not None and "/backend/" not in frame.f_code.co_filename:
            frame = frame.f_back
        _, _, inside = frame.f_code.co_filename.rpartition("/backend/")
        name = f"backend/{inside}"
        self.waits.append(Wait(what, f"{name}:{frame.f_lineno}", threading.get_ident()))

    @contextmanager
    def watched(self) -> Iterator[list[Wait]]:
        """The waits of this thread while the context lasts."""
        start, found = len(self.waits), list[Wait]()
        try:
            yield found
        finally:
            own = threading.get_ident()
            found += [wait for wait in self.waits[start:] if wait.thread == own]

    def is_pinned(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor of the host is page-locked."""
        return tensor.untyped_storage().data_ptr() in self.pinned

    def pin(self, tensor: torch.Tensor) -> torch.Tensor:
        """A page-locked copy, or the tensor itself where it is one."""
        if tensor.device.type == DEVICE:
            raise RuntimeError("cannot pin a tensor that is on a device")
        if self.is_pinned(tensor):
            return tensor
        made = torch.empty_like(tensor).copy_(tensor)
        place = made.untyped_storage().data_ptr()
        self.pinned.add(place)
        weakref.finalize(made, self.pinned.discard, place)
        return made


class Now:
    """The machine that stands, if one does: a backend is registered once in a process."""

    machine: Machine | None = None


def now() -> Machine:
    assert Now.machine is not None, "no machine stands; use the fixture `ghost`"
    return Now.machine
