"""A model that the device cannot hold whole: its pieces take turns there.

The cache gives such a model hooks: before a part, or a block of a UNet, is called, its piece is
copied to the device, and others leave it. Whoever reads weights outside of a call asks here. On
models that are on the device as a whole, all of this does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from backend.models.memory.residency import Piece, Weights, divided

_MARK = "_takes_turns"
MIXED = "_lora_mixer"
"""What a module under a mix of LoRAs has in its `__dict__`."""

Need = Callable[[Weights, Piece], None]


@dataclass(eq=False)
class Turns:
    """Of one module.

    Attributes:
        weights: Its pieces.
        device: Where they are used.
        need: Brings a piece there.
        settle: Waits until copies of the masters are done.
        kept: How many callers have asked that all of it stays there.
    """

    weights: Weights
    device: torch.device
    need: Need
    settle: Callable[[], None] = lambda: None
    kept: int = 0

    def __deepcopy__(self, memo: object) -> Turns:
        return self  # a copy of the module is its own; the cache is not copied along


def begin(module: nn.Module, turns: Turns) -> None:
    """Lets the pieces of a module take turns from now on."""
    if _MARK in module.__dict__:
        return
    module.__dict__[_MARK] = turns
    for piece, (root, _) in zip(turns.weights.pieces, divided(module), strict=True):
        root.register_forward_pre_hook(_hook(turns.need, turns.weights, piece))


def _hook(need: Need, weights: Weights, piece: Piece) -> Callable[[nn.Module, Any], None]:
    def bring_piece(module: nn.Module, inputs: Any) -> None:
        need(weights, piece)

    return bring_piece


def _of(module: nn.Module) -> Turns | None:
    found = module.__dict__.get(_MARK)
    return found if isinstance(found, Turns) else None


def takes_turns(module: nn.Module) -> bool:
    """Whether its weights come and go while it is called."""
    return _of(module) is not None


def stays(module: nn.Module) -> bool:
    """Whether its weights must stay where they are: a mix or a training is at work on them."""
    turns = _of(module)
    return turns.kept > 0 if turns is not None else MIXED in module.__dict__


def device_of(module: nn.Module) -> torch.device:
    """Where the module computes, though its weights may be elsewhere just now."""
    turns = _of(module)
    return turns.device if turns is not None else next(module.parameters()).device


def bring(module: nn.Module) -> None:
    """All of it to the device, before it is used in another way than by a call."""
    turns = _of(module)
    if turns is not None:
        for piece in turns.weights.pieces:
            turns.need(turns.weights, piece)


def send_home(module: nn.Module) -> None:
    """Back to RAM, so that a change of the weights is one of the masters, and every later copy has
    it; a change of a copy would go with it."""
    turns = _of(module)
    if turns is not None and not turns.kept:
        turns.weights.detach()
        flying = [piece for piece in turns.weights.pieces if piece.in_flight]
        if flying:
            turns.settle()
        for piece in flying:
            piece.in_flight = False


@contextmanager
def kept(module: nn.Module) -> Iterator[None]:
    """All of it on the device while the context lasts, e.g. while it is trained."""
    turns = _of(module)
    if turns is None:
        yield
        return
    turns.kept += 1
    try:
        bring(module)
        yield
    finally:
        turns.kept -= 1
