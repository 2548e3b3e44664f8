"""The backend that torch is told of: `torch.device("ghost")`, for as long as a machine stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import pytest
import torch
import torch.utils.backend_registration as registration
from torch import nn

from backend.models.memory import residency
from tests.ghost.machine import DEVICES, Machine, Now, now
from tests.ghost.streams import Event, Stream
from tests.ghost.tensors import Ghost, copy_into


class _Module:
    """What `torch.get_device_module("ghost")` gives, as `torch.cuda` for CUDA."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return Now.machine is not None

    def current_device(self) -> int:
        return 0

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        return None

    def device_count(self) -> int:
        return DEVICES if Now.machine is not None else 0

    def get_device_name(self, device: torch.device) -> str:
        return f"Ghost {device.index or 0}"

    def set_device(self, device: torch.device) -> None:
        return None

    def Stream(self, device: torch.device) -> Stream:  # noqa: N802, torch's name
        return Stream(device.index or 0)

    def Event(self) -> Event:  # noqa: N802
        return Event(now().waited)

    def current_stream(self, device: torch.device) -> Stream:
        return now().streams.current(device.index or 0)

    def stream(self, stream: Stream) -> AbstractContextManager[None]:
        return now().streams.on(stream)

    def synchronize(self, device: torch.device) -> None:
        machine = now()
        machine.waited("synchronize")
        stream = machine.streams.current(device.index or 0)
        stream.arrive(stream.given)

    def mem_get_info(self, device: torch.device) -> tuple[int, int]:
        memory = now().memory
        return memory.capacity - memory.used[device.index or 0], memory.capacity

    def memory_allocated(self, device: torch.device) -> int:
        return now().memory.used[device.index or 0]

    def memory_reserved(self, device: torch.device) -> int:
        return self.memory_allocated(device)

    def empty_cache(self) -> None:
        return None


class _Hook(torch._C._acc.PrivateUse1Hooks):  # pyright: ignore[reportAttributeAccessIssue]
    def is_available(self) -> bool:
        return Now.machine is not None

    def has_primary_context(self, device_index: int) -> bool:
        return Now.machine is not None

    def is_built(self) -> bool:
        return True


@cache
def _registered() -> tuple[torch.library.Library, _Hook]:
    """The backend; torch takes one in a process, once, so it stays when the machine is gone."""
    hook = _Hook()
    registration._setup_privateuseone_for_python_backend("ghost", _Module(), hook)
    library = torch.library.Library("aten", "IMPL")
    library.impl("empty.memory_format", _empty, "PrivateUse1")
    library.impl("empty_strided", _empty_strided, "PrivateUse1")
    library.impl("_copy_from", _copy_from, "PrivateUse1")
    return library, hook


def _empty(
    size: Sequence[int],
    *,
    dtype: torch.dtype | None = None,
    layout: Any = None,
    device: torch.device | None = None,
    pin_memory: bool | None = None,
    memory_format: torch.memory_format | None = None,
) -> Ghost:
    made = torch.empty(
        size, dtype=dtype, device="cpu", memory_format=memory_format or torch.contiguous_format
    )
    return Ghost(made, torch.device("ghost", (device and device.index) or 0))


def _empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: torch.dtype | None = None,
    layout: Any = None,
    device: torch.device | None = None,
    pin_memory: bool | None = None,
) -> Ghost:
    made = torch.empty_strided(size, stride, dtype=dtype, device="cpu")
    return Ghost(made, torch.device("ghost", (device and device.index) or 0))


def _copy_from(
    source: torch.Tensor, into: torch.Tensor, non_blocking: bool = False
) -> torch.Tensor:
    machine, index = now(), (into if isinstance(into, Ghost) else source).device.index or 0
    return copy_into(machine, machine.streams.current(index), into, source, non_blocking)


def _point(tensors: Sequence[torch.Tensor], data: Sequence[torch.Tensor]) -> None:
    """As `residency`'s own: the same objects follow, though `.data` takes no other class."""
    for own, new in zip(tensors, data, strict=True):
        fresh: torch.Tensor = new.detach()
        if isinstance(own, nn.Parameter):
            fresh = nn.Parameter(fresh, requires_grad=False)
        torch.utils.swap_tensors(own, fresh)


@contextmanager
def standing() -> Iterator[Machine]:
    """Two devices, for as long as the context lasts; what lies on them goes with it."""
    _registered()
    assert Now.machine is None, "one machine at a time"
    machine = Now.machine = Machine()

    def pin_memory(tensor: torch.Tensor, device: Any = None) -> torch.Tensor:
        return machine.pin(tensor)

    def is_pinned(tensor: torch.Tensor, device: Any = None) -> bool:
        return machine.is_pinned(tensor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "pin_memory", pin_memory)
        patch.setattr(torch.Tensor, "is_pinned", is_pinned)
        patch.setattr(residency, "_point", _point)
        try:
            yield machine
        finally:
            Now.machine = None
