"""A model that the device cannot hold whole: its pieces take turns there.

The cache puts a patch with hooks on such a model: before a part, or one of its blocks, is called,
its piece is copied to the device, and others leave it. Whoever reads weights outside of a call asks
here. On models that are on the device as a whole, all of this does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from backend.contracts.holdings import Holding
from backend.models.memory.residency import Piece, Weights
from backend.models.patches import Claim, Needs, PatchStack

Need = Callable[[Weights, Piece], None]


def _settled() -> None:
    return None


@dataclass(eq=False)
class Turns:
    """The patch on one module.

    Attributes:
        weights: Its pieces.
        device: Where they are used.
        need: Brings a piece there.
        settle: Waits until copies of the masters are done.
    """

    weights: Weights
    device: torch.device
    need: Need
    settle: Callable[[], None] = _settled
    _hooks: list[RemovableHandle] = field(default_factory=list[RemovableHandle], init=False)

    @property
    def needs(self) -> Needs:
        """Plain calls: what was compiled would read weights that have left."""
        return Needs(eager=True)

    def holdings(self) -> tuple[Holding, ...]:
        """Nothing beside the weights."""
        return ()

    def hook(self, module: nn.Module) -> None:
        """Each piece comes before it is called."""
        for piece, root in zip(self.weights.pieces, self.weights.roots(module), strict=True):
            self._hooks.append(root.register_forward_pre_hook(_hook(self, piece)))

    def unhook(self) -> None:
        """No piece comes any more."""
        while self._hooks:
            self._hooks.pop().remove()


def begin(patches: PatchStack, module: nn.Module, turns: Turns) -> None:
    """Lets the pieces of a module take turns from now on."""
    if not takes_turns(patches, module):
        turns.hook(module)
        patches.put(turns, module)


def end(patches: PatchStack, module: nn.Module) -> None:
    """They are all in RAM from now on, the module as it was before; without effect on others."""
    turns = patches.find(module, Turns)
    if turns is not None:
        turns.unhook()
        patches.take_off(turns)
        _land(turns)


def _hook(turns: Turns, piece: Piece) -> Callable[[nn.Module, Any], None]:
    def bring_piece(module: nn.Module, inputs: Any) -> None:
        turns.need(turns.weights, piece)

    return bring_piece


def takes_turns(patches: PatchStack, module: nn.Module) -> bool:
    """Whether its weights come and go while it is called."""
    return patches.find(module, Turns) is not None


def device_of(patches: PatchStack, module: nn.Module) -> torch.device:
    """Where the module computes, though its weights may be elsewhere just now."""
    turns = patches.find(module, Turns)
    return turns.device if turns is not None else next(module.parameters()).device


def bring(patches: PatchStack, module: nn.Module) -> None:
    """All of it to the device, before it is used in another way than by a call."""
    turns = patches.find(module, Turns)
    if turns is not None:
        for piece in turns.weights.pieces:
            turns.need(turns.weights, piece)


def send_home(patches: PatchStack, module: nn.Module) -> None:
    """Back to RAM, so that a change of the weights is one of the masters, and every later copy has
    it; a change of a copy would go with it."""
    turns = patches.find(module, Turns)
    if turns is not None and not patches.needs(module).in_place:
        _land(turns)


def _land(turns: Turns) -> None:
    turns.weights.detach()
    flying = [piece for piece in turns.weights.pieces if piece.in_flight]
    if flying:
        turns.settle()
    for piece in flying:
        piece.in_flight = False


@contextmanager
def kept(patches: PatchStack, module: nn.Module) -> Generator[None]:
    """All of it on the device while the context lasts, e.g. while it is trained."""
    with patches.under(Claim(Needs(in_place=True)), module):
        bring(patches, module)
        yield
