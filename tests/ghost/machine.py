"""The devices `ghost:0` and `ghost:1`, and the tensors that lie there."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import pytest
import torch
import torch.utils.backend_registration as registration
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from backend.models.memory import residency
from backend.models.memory.devices import Target
from tests.ghost import waits
from tests.ghost.memory import Block, Memory
from tests.ghost.streams import Event, Stream, Streams

DEVICES = 2
COPIES = ("aten::copy_", "aten::_to_copy")


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
        return Target(torch.device("ghost", index), dtype)

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
        if isinstance(tensor, Ghost):
            raise RuntimeError("cannot pin a tensor that is on a device")
        if self.is_pinned(tensor):
            return tensor
        made = torch.empty_like(tensor).copy_(tensor)
        place = made.untyped_storage().data_ptr()
        self.pinned.add(place)
        weakref.finalize(made, self.pinned.discard, place)
        return made


class _Now:
    """The machine that stands, if one does: a backend is registered once in a process."""

    machine: Machine | None = None


def _now() -> Machine:
    assert _Now.machine is not None, "no machine stands; use the fixture `ghost`"
    return _Now.machine


class Ghost(torch.Tensor):
    """A tensor that says it is on a device.

    Attributes:
        held: What it holds, on the CPU.
        block: Its memory.
    """

    held: torch.Tensor
    block: Block

    @staticmethod
    def __new__(
        cls: type[Ghost], real: torch.Tensor, device: torch.device, block: Block | None = None
    ) -> Ghost:
        made = torch.Tensor._make_wrapper_subclass(  # pyright: ignore[reportAttributeAccessIssue]
            cls,
            real.size(),
            strides=real.stride(),
            storage_offset=real.storage_offset(),
            dtype=real.dtype,
            layout=real.layout,
            device=device,
            requires_grad=False,
        )
        made.held = real
        if block is None:
            machine, index = _now(), device.index or 0
            nbytes = real.untyped_storage().nbytes()
            block = machine.memory.take(index, nbytes, machine.streams.current(index))
        made.block = block
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})

    # What C++ does not ask a subclass for.

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def tolist(self) -> Any:
        _now().waited("tolist")
        return self.held.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        raise TypeError("can't convert ghost:0 device type tensor to numpy; use Tensor.cpu()")

    def record_stream(self, s: Any) -> None:
        self.block.record(s)

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def __deepcopy__(self, memo: dict[int, Any]) -> Ghost:
        made = Ghost(self.held.clone(), self.device)
        if isinstance(self, nn.Parameter):
            made = nn.Parameter(made, requires_grad=self.requires_grad)
        memo[id(self)] = made
        return cast(Ghost, made)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"Ghost({tuple(self.shape)}, {self.dtype}, {self.device})"


def _run(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    name = func._schema.name
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ghosts = [tensor for tensor in tensors if isinstance(tensor, Ghost)]
    device = ghosts[0].device
    machine = _now()
    stream = machine.streams.current(device.index)
    stream.given += 1
    if name == "aten::copy_":
        return _copy(machine, stream, *args, **kwargs)
    if name == "aten::_to_copy" and (asked := kwargs.get("device")) is not None:
        if torch.device(asked).type != "ghost":
            return _download(machine, stream, args[0], func, kwargs)
        device = torch.device("ghost", torch.device(asked).index or 0)
    else:
        _refuse_mixture(name, tensors, ghosts)
        device = kwargs.get("device") or device
    if (why := waits.of_call(name, args, kwargs)) is not None:
        machine.waited(why)
    for ghost in ghosts:
        ghost.block.read(stream, name)
    out = func(*tree_map(_held, args), **_on_cpu(kwargs))
    _note_writes(func, args, kwargs, stream)
    if torch.device(device).type != "ghost":
        return out
    return _wrapped(out, ghosts, torch.device(device))


def _refuse_mixture(
    name: str, tensors: Sequence[torch.Tensor], ghosts: Sequence[torch.Tensor]
) -> None:
    """As a real device: only single numbers, and indices, may come from the host."""
    if len({ghost.device for ghost in ghosts}) > 1:
        raise RuntimeError(f"Expected all tensors to be on one device, but {name} got two")
    strangers = [t for t in tensors if not isinstance(t, Ghost) and t.dim()]
    if strangers and (name not in waits.INDEXING or not isinstance(tensors[0], Ghost)):
        raise RuntimeError(f"Expected all tensors to be on one device, but {name} got the CPU's")


def _held(value: Any) -> Any:
    return value.held if isinstance(value, Ghost) else value


def _on_cpu(kwargs: dict[str, Any]) -> dict[str, Any]:
    plain = {key: tree_map(_held, value) for key, value in kwargs.items()}
    if plain.get("device") is not None:
        plain["device"] = torch.device("cpu")
    return plain


def _note_writes(func: Any, args: Sequence[Any], kwargs: dict[str, Any], stream: Stream) -> None:
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        value = args[place] if place < len(args) else kwargs.get(argument.name)
        for tensor in tree_leaves(value):
            if isinstance(tensor, Ghost):
                tensor.block.write(stream)


def _wrapped(out: Any, ghosts: Sequence[Ghost], device: torch.device) -> Any:
    same = {id(ghost.held): ghost for ghost in ghosts}
    blocks = {ghost.held.untyped_storage().data_ptr(): ghost.block for ghost in ghosts}

    def wrap(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) in same:
            return same[id(value)]
        on_same = device == ghosts[0].device
        block = blocks.get(value.untyped_storage().data_ptr()) if on_same else None
        return Ghost(value, device, block)

    return tree_map(wrap, out)


def _copy(
    machine: Machine,
    stream: Stream,
    into: torch.Tensor,
    source: torch.Tensor,
    non_blocking: bool = False,
) -> torch.Tensor:
    if isinstance(source, Ghost):
        source.block.read(stream, "aten::copy_")
    if isinstance(into, Ghost):
        if not isinstance(source, Ghost) and source.dim() + into.dim():
            why = waits.of_upload(source, machine.is_pinned(source), non_blocking)
            if why is not None:
                machine.waited(why)
        into.held.copy_(_held(source))
        into.block.write(stream)
        return into
    pinned = machine.is_pinned(into)
    if (why := waits.of_download(pinned, non_blocking)) is not None:
        machine.waited(why)
        stream.arrive(stream.given)
        return into.copy_(_held(source))
    _arrives_later(stream, into, _held(source).to(into.dtype).expand(into.shape).clone())
    return into


def _download(
    machine: Machine, stream: Stream, source: Ghost, func: Any, kwargs: dict[str, Any]
) -> torch.Tensor:
    source.block.read(stream, "aten::_to_copy")
    made = func(source.held, **_on_cpu({**kwargs, "non_blocking": False}))
    if not kwargs.get("non_blocking"):
        machine.waited("copy to the host")
        stream.arrive(stream.given)
        return made
    pinned = machine.pin(made)  # as torch does for this call
    _arrives_later(stream, pinned, made)
    return pinned


def _arrives_later(stream: Stream, into: torch.Tensor, value: torch.Tensor) -> None:
    """What stands there till somebody waits for it is none of the values."""
    into.fill_(True if into.dtype == torch.bool else 113)
    stream.arriving.append((stream.given, lambda: void(into.copy_(value))))


def void(value: object) -> None:
    """Nothing."""


# --- the backend ------------------------------------------------------------------------------


class _Module:
    """What `torch.get_device_module("ghost")` gives, as `torch.cuda` for CUDA."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return _Now.machine is not None

    def current_device(self) -> int:
        return 0

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        return None

    def device_count(self) -> int:
        return DEVICES if _Now.machine is not None else 0

    def get_device_name(self, device: torch.device) -> str:
        return f"Ghost {device.index or 0}"

    def Stream(self, device: torch.device) -> Stream:  # noqa: N802, torch's name
        return Stream(device.index or 0)

    def Event(self) -> Event:  # noqa: N802
        return Event(_now().waited)

    def current_stream(self, device: torch.device) -> Stream:
        return _now().streams.current(device.index or 0)

    def stream(self, stream: Stream) -> AbstractContextManager[None]:
        return _now().streams.on(stream)

    def synchronize(self, device: torch.device) -> None:
        machine = _now()
        machine.waited("synchronize")
        stream = machine.streams.current(device.index or 0)
        stream.arrive(stream.given)

    def mem_get_info(self, device: torch.device) -> tuple[int, int]:
        memory = _now().memory
        return memory.capacity - memory.used[device.index or 0], memory.capacity

    def memory_allocated(self, device: torch.device) -> int:
        return _now().memory.used[device.index or 0]

    def memory_reserved(self, device: torch.device) -> int:
        return self.memory_allocated(device)

    def empty_cache(self) -> None:
        return None


class _Hook(torch._C._acc.PrivateUse1Hooks):  # pyright: ignore[reportAttributeAccessIssue]
    def is_available(self) -> bool:
        return _Now.machine is not None

    def has_primary_context(self, device_index: int) -> bool:
        return _Now.machine is not None

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
    machine, index = _now(), (into if isinstance(into, Ghost) else source).device.index or 0
    return _copy(machine, machine.streams.current(index), into, source, non_blocking)


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
    assert _Now.machine is None, "one machine at a time"
    machine = _Now.machine = Machine()

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
            _Now.machine = None
