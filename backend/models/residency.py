"""Where the weights of a loaded part lie: in RAM, and on the device while a copy is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

# Large, and hardly ever the same in two checkpoints: not worth reading through.
UNSHARED = frozenset({"unet", "controlnet"})

Copy = Callable[[torch.Tensor], torch.Tensor]


class Weights:
    """The tensors of one part, shared by every module that holds the same bytes.

    The tensors in RAM are the masters. `attach` makes copies for the device and points the
    modules at them; `detach` points them back and lets the copies go: nothing is copied back,
    since nobody leaves a changed weight behind (LoRAs restore theirs bit for bit).
    """

    def __init__(self, module: nn.Module) -> None:
        """Takes the tensors of `module` as they are now."""
        self._host = [tensor.data for tensor in _tensors(module)]
        self._copies: list[torch.Tensor] | None = None
        self._modules: list[nn.Module] = [module]

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors, each counted once."""
        return sum(tensor.nbytes for tensor in self._host)

    @property
    def device_bytes(self) -> int:
        """Bytes of the copies on the device; 0 without any."""
        return sum(tensor.nbytes for tensor in self._copies or ())

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Those that use these tensors."""
        return tuple(self._modules)

    def adopt(self, module: nn.Module) -> None:
        """Lets a module of the same contents use these tensors; its own are let go."""
        self._modules.append(module)
        _point([module], self._host if self._copies is None else self._copies)

    def leave(self, module: nn.Module) -> None:
        """Forgets a module that is no longer in the cache; it holds no copy any more."""
        _point([module], self._host)
        self._modules = [kept for kept in self._modules if kept is not module]

    def attach(self, copy: Copy) -> None:
        """Puts copies on the device; of no effect where they are there already.

        Raises:
            torch.OutOfMemoryError: The device is full; the part is in RAM alone, as before.
        """
        if self._copies is None:
            self._copies = [copy(tensor) for tensor in self._host]
            _point(self._modules, self._copies)

    def detach(self) -> None:
        """Lets the copies on the device go."""
        if self._copies is not None:
            _point(self._modules, self._host)
            self._copies = None


@torch.no_grad()
def content_key(module: nn.Module) -> str:
    """SHA-256 over names, shapes, layouts, precisions and bytes of all tensors."""
    digest = hashlib.sha256()
    named = [*module.named_parameters(), *module.named_buffers()]
    for name, tensor in named:
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.stride()} {tensor.dtype}".encode())
        dense = tensor.is_contiguous() or tensor.is_contiguous(memory_format=torch.channels_last)
        flat = tensor.as_strided((tensor.numel(),), (1,)) if dense else tensor.flatten()
        digest.update(flat.detach().view(torch.uint8).numpy())
    return digest.hexdigest()


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    """Parameters and buffers, tied ones once, in the order of their names."""
    return [*module.parameters(), *module.buffers()]


def _point(modules: Iterable[nn.Module], tensors: Sequence[torch.Tensor]) -> None:
    # As nn.Module.to does: the parameters stay the same objects, so that what holds one of them
    # (tied weights, a layer under a LoRA) follows.
    for module in modules:
        for own, tensor in zip(_tensors(module), tensors, strict=True):
            own.data = tensor
