"""Tensors that lie on `ghost:0` and `ghost:1`: what is called with them runs on the CPU's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from tests.ghost import waits
from tests.ghost.machine import Machine, now
from tests.ghost.memory import Block
from tests.ghost.streams import Stream


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
            machine, index = now(), device.index or 0
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
        now().waited("tolist")
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
    machine = now()
    stream = machine.streams.current(device.index)
    stream.given += 1
    if name == "aten::copy_":
        return copy_into(machine, stream, *args, **kwargs)
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


def copy_into(
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
