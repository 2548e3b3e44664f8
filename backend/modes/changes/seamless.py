"""Seamless pictures: convolutions look round the edge, so that copies side by side have no seam.

Each convolution is shown its input with as much of the far side as its padding reaches over, and
what it makes of that margin is cut off. Attention and norms know no places, so a model under this
draws the same picture shifted where its noise is shifted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from backend.contracts.holdings import Holding
from backend.contracts.settings import Settings
from backend.models.checkpoint import Checkpoint
from backend.models.patches import Needs

AXES: dict[str, tuple[int, ...]] = {"both": (2, 3), "x": (3,), "y": (2,)}
TILED_MARGIN = 16  # latent positions round a picture that is decoded in tiles


class Wrap:
    """The patch of one module.

    Args:
        axes: Of (B, C, h, w), those that wrap.
        sizes: (h, w) of x where it is the whole picture: parts of one are not wrapped. None: all.
    """

    needs = Needs(eager=True)

    def __init__(self, axes: tuple[int, ...], sizes: frozenset[tuple[int, ...]] | None) -> None:
        self.axes, self.on = axes, True
        self._sizes = sizes

    def holdings(self) -> tuple[Holding, ...]:
        """Nothing."""
        return ()

    def begin(self, root: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Before a call of the whole module."""
        self.on = self._sizes is None or tuple(inputs[0].shape[2:]) in self._sizes

    def before(self, layer: nn.Conv2d, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Before a call of a convolution: what it sees instead of its input."""
        if not self.on:
            return None
        x: torch.Tensor = inputs[0]
        for axis in self.axes:
            size, stride = layer.kernel_size[axis - 2], layer.stride[axis - 2]
            margin, length = margin_of(layer, axis), x.shape[axis]
            if margin:
                x = wrapped(x, axis, margin)
            elif size > stride > 1:  # its caller has put a row of zeros behind
                first = x.narrow(axis, 0, 1)
                x = torch.cat([x.narrow(axis, 0, length - 1), first], axis)
        return (x, *inputs[1:])

    def after(
        self, layer: nn.Conv2d, inputs: tuple[Any, ...], made: torch.Tensor
    ) -> torch.Tensor | None:
        """After it: what it made, without the margins."""
        if not self.on:
            return None
        for axis in self.axes:
            cut = margin_of(layer, axis) // layer.stride[axis - 2]
            made = made.narrow(axis, cut, made.shape[axis] - 2 * cut)
        return made


def margin_of(layer: nn.Conv2d, axis: int) -> int:
    """How far its padding reaches over the edge, in whole strides."""
    padding, stride = layer.padding[axis - 2], layer.stride[axis - 2]
    assert isinstance(padding, int), "no model pads by name"
    return stride * -(-padding // stride)


def wrapped(x: torch.Tensor, axis: int, margin: int) -> torch.Tensor:
    """x with so much of each far side beyond its edges along an axis, at most all of it."""
    margin = min(margin, x.shape[axis])
    if not margin:
        return x
    near, far = x.narrow(axis, 0, margin), x.narrow(axis, x.shape[axis] - margin, margin)
    return torch.cat([far, x, near], axis)


@contextmanager
def seamless(model: Checkpoint, settings: Settings) -> Generator[None]:
    """The model's convolutions wrapped, along the axes that the settings name."""
    axes = AXES.get(settings.tiling)
    if axes is None:
        yield
        return
    sides = {(settings.width, settings.height), settings.drawn_size}
    factor = model.vae_factor
    sizes = frozenset(
        (height // factor, width // factor) for width, height in sides if width and height
    )
    with ExitStack() as stack:
        for module in model.network.modules.values():
            stack.enter_context(_wrapping(model, module, Wrap(axes, sizes)))
        codecs = list(model.codec.modules.values())
        for module in codecs if model.tiny is None else [*codecs, model.tiny]:
            wrap = Wrap(axes, None)
            stack.enter_context(_wrapping(model, module, wrap))
            stack.enter_context(_tiles_wrapped(module, wrap, factor))
        yield


@contextmanager
def _wrapping(model: Checkpoint, root: nn.Module, wrap: Wrap) -> Generator[None]:
    hooks = [root.register_forward_pre_hook(wrap.begin)]
    with model.patches.under(wrap, root):
        try:
            for layer in root.modules():
                if isinstance(layer, nn.Conv2d):
                    hooks.append(layer.register_forward_pre_hook(wrap.before))
                    hooks.append(layer.register_forward_hook(wrap.after))
            yield
        finally:
            for hook in hooks:
                hook.remove()


@contextmanager
def _tiles_wrapped(vae: nn.Module, wrap: Wrap, factor: int) -> Generator[None]:
    """An autoencoder's ways through tiles: they get a margin of the far side instead."""
    ways = {"tiled_decode": (1, factor), "_tiled_encode": (factor, 1)}
    there = {name: how for name, how in ways.items() if hasattr(type(vae), name)}
    for name, (scale_in, scale_out) in there.items():
        way = partial(
            _with_margin,
            getattr(vae, name),
            wrap,
            TILED_MARGIN * scale_in,
            TILED_MARGIN * scale_out,
        )
        vars(vae)[name] = way
    try:
        yield
    finally:
        for name in there:
            del vars(vae)[name]


def _with_margin(
    way: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]],
    wrap: Wrap,
    margin_in: int,
    margin_out: int,
    x: torch.Tensor,
    **named: Any,
) -> torch.Tensor | tuple[torch.Tensor]:
    before, lengths = wrap.on, x.shape
    for axis in wrap.axes:
        x = wrapped(x, axis, margin_in)
    wrap.on = False
    try:
        made = way(x, **named)
    finally:
        wrap.on = before
    out = made[0] if isinstance(made, tuple) else made
    for axis in wrap.axes:
        margin = margin_out * min(margin_in, lengths[axis]) // margin_in
        out = out.narrow(axis, margin, out.shape[axis] - 2 * margin)
    return (out,) if isinstance(made, tuple) else out


CHANGE = seamless
