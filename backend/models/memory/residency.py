"""Where the weights of a loaded part lie: in RAM, and on the device while a copy is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

Copy = Callable[[torch.Tensor], torch.Tensor]


class Piece:
    """Tensors that go to the device together; those in RAM are the masters.

    Attributes:
        nbytes: Bytes of the tensors, each counted once.
        in_flight: Whether a copy may still be reading the masters.
    """

    def __init__(self, masters: Sequence[torch.Tensor]) -> None:
        self._host = list(masters)
        self._copies: list[torch.Tensor] | None = None
        self._users: dict[int, list[torch.Tensor]] = {}
        self._pinned = False
        self.in_flight = False
        self.nbytes = sum(tensor.nbytes for tensor in self._host)

    @property
    def on_device(self) -> bool:
        """Whether it has copies there."""
        return self._copies is not None

    @property
    def device_bytes(self) -> int:
        """Bytes of the copies on the device; 0 without any."""
        return self.nbytes if self.on_device else 0

    def serve(self, user: int, tensors: Sequence[torch.Tensor]) -> None:
        """Lets a module's tensors, of the same contents, follow these from now on."""
        self._users[user] = list(tensors)
        _point(tensors, self._host if self._copies is None else self._copies)

    def leave(self, user: int) -> None:
        """Points a module's tensors at the masters and forgets it."""
        _point(self._users.pop(user, ()), self._host)

    def attach(self, copy: Copy) -> None:
        """Puts copies on the device; of no effect where they are there already.

        Raises:
            torch.OutOfMemoryError: The device is full; the piece is in RAM alone, as before.
        """
        if self._copies is None:
            self._copies = [copy(tensor) for tensor in self._host]
            self.in_flight = self._pinned
            self._follow(self._copies)

    def pin(self, pin: Copy) -> None:
        """Puts the masters where `pin` puts them."""
        self._host = [pin(tensor) for tensor in self._host]
        self._pinned = True
        if self._copies is None:
            self._follow(self._host)

    def detach(self) -> None:
        """Lets the copies on the device go."""
        if self._copies is not None:
            self._follow(self._host)
            self._copies = None

    def _follow(self, tensors: Sequence[torch.Tensor]) -> None:
        for own in self._users.values():
            _point(own, tensors)


class Weights:
    """The tensors of one part, shared by every module that holds the same bytes.

    The tensors in RAM are the masters. `attach` makes copies for the device and points the
    modules at them; `detach` points them back and lets the copies go: nothing is copied back,
    since nobody leaves a changed weight behind (LoRAs restore theirs bit for bit).

    Attributes:
        pieces: What may be on the device alone: the module's blocks, after all that is in none;
            of a part without blocks, everything.
        used: When a piece of it worked last, for those that take turns; a count that rises.
    """

    def __init__(self, module: nn.Module, blocks: Sequence[nn.Module] = ()) -> None:
        """Takes the tensors of `module` as they are now.

        Args:
            module: The part.
            blocks: Of it, in the order of their calls, as whoever loaded it says.
        """
        self.used = 0
        self._modules: list[nn.Module] = []
        self._roots: dict[int, tuple[nn.Module, ...]] = {}
        self.pieces = tuple(
            Piece([tensor.data for tensor in tensors]) for _, tensors in divided(module, blocks)
        )
        self.adopt(module, blocks)

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors, each counted once."""
        return sum(piece.nbytes for piece in self.pieces)

    @property
    def device_bytes(self) -> int:
        """Bytes of the copies on the device; 0 without any."""
        return sum(piece.device_bytes for piece in self.pieces)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Those that use these tensors."""
        return tuple(self._modules)

    def adopt(self, module: nn.Module, blocks: Sequence[nn.Module] = ()) -> None:
        """Lets a module of the same contents use these tensors; its own are let go."""
        found = divided(module, blocks)
        self._modules.append(module)
        self._roots[id(module)] = tuple(root for root, _ in found)
        for piece, (_, tensors) in zip(self.pieces, found, strict=True):
            piece.serve(id(module), tensors)

    def roots(self, module: nn.Module) -> tuple[nn.Module, ...]:
        """For each piece, what of a module that uses these tensors is called with it."""
        return self._roots[id(module)]

    def leave(self, module: nn.Module) -> None:
        """Forgets a module that is no longer in the cache; it holds no copy any more."""
        for piece in self.pieces:
            piece.leave(id(module))
        self._roots.pop(id(module), None)
        self._modules = [kept for kept in self._modules if kept is not module]

    def attach(self, copy: Copy) -> None:
        """Puts copies of all pieces on the device, of those that are not there already.

        Raises:
            torch.OutOfMemoryError: The device is full; pieces that were copied stay there.
        """
        for piece in self.pieces:
            piece.attach(copy)

    def pin(self, pin: Copy) -> None:
        """Puts the masters where copies of them make nobody wait."""
        for piece in self.pieces:
            piece.pin(pin)

    def detach(self) -> None:
        """Lets the copies on the device go."""
        for piece in self.pieces:
            piece.detach()


def divided(
    module: nn.Module, blocks: Sequence[nn.Module] = ()
) -> list[tuple[nn.Module, list[torch.Tensor]]]:
    """A module's pieces: whose call needs them, and their parameters and buffers.

    First what is in no block, under the module itself, then the blocks in their order.
    """
    seen: set[int] = set()
    pieces: list[tuple[nn.Module, list[torch.Tensor]]] = []
    for root in (*blocks, module):
        own = [tensor for tensor in _tensors(root) if id(tensor) not in seen]
        seen.update(map(id, own))
        pieces.append((root, own))
    return [pieces[-1], *pieces[:-1]]


@torch.no_grad()
def content_key(module: nn.Module) -> str:
    """SHA-256 over names, shapes, layouts, precisions and bytes of all tensors."""
    digest = hashlib.sha256()
    named = [*module.named_parameters(), *module.named_buffers()]
    for name, tensor in named:
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.stride()} {tensor.dtype}".encode())
        dense = tensor.is_contiguous() or tensor.is_contiguous(memory_format=torch.channels_last)
        flat = tensor.as_strided((tensor.numel(),), (1,)) if dense else tensor.flatten()
        own_bytes: Any = flat.detach().view(torch.uint8).numpy()
        digest.update(own_bytes)
    return digest.hexdigest()


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    """Parameters and buffers, tied ones once, in the order of their names."""
    return [*module.parameters(), *module.buffers()]


def _point(tensors: Sequence[torch.Tensor], data: Sequence[torch.Tensor]) -> None:
    # As nn.Module.to does: the parameters stay the same objects, so that what holds one of them
    # (tied weights, a layer under a LoRA) follows.
    for own, new in zip(tensors, data, strict=True):
        own.data = new
