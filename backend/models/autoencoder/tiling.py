"""Pictures through an autoencoder in tiles, where they do not fit into memory at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from backend.models.memory.devices import HEADROOM, free_bytes
from backend.models.memory.memory_pressure import Way, overcome

TILE_PX = 512  # with a quarter of overlap, as diffusers' tiles
LEAST_TILE_PX = 128


def decode_bytes(pixels: int, width: int, item: int) -> int:
    """Activations of a decoder at their peak: about eight full-size maps of its first width.

    Args:
        pixels: Of one picture, or of a tile of it.
        width: Channels of the decoder's last block.
        item: Bytes of a number.
    """
    return 8 * pixels * width * item


@contextmanager
def tiles(model: AutoencoderKL, side_px: int, factor: int) -> Generator[None]:
    """Sets the side of the tiles, and sets everything back."""
    own: Any = model  # its sides are set without annotations
    wanted = _sides_of(own, side_px, factor)
    before = {name: getattr(own, name) for name in ("use_tiling", *wanted)}
    for name, side in wanted.items():
        setattr(own, name, side)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(own, name, value)


def _sides_of(model: Any, side_px: int, factor: int) -> dict[str, int]:
    """What a class calls the sides of its tiles; those of films name height and width."""
    if hasattr(model, "tile_sample_min_size"):
        return {"tile_sample_min_size": side_px, "tile_latent_min_size": side_px // factor}
    stride_px = side_px * 3 // 4 // factor * factor
    sides = {"tile_sample_min": side_px, "tile_sample_stride": stride_px}
    return {f"{name}_{way}": px for name, px in sides.items() for way in ("height", "width")}


def with_tiles(
    whole: Callable[[], torch.Tensor],
    in_tiles: Callable[[int], torch.Tensor],
    need_bytes: int,
    size_px: tuple[int, int],
    device: torch.device,
) -> torch.Tensor:
    """Work on one picture, whole if that fits, else in tiles, said in a sentence.

    Args:
        whole: Does it at once.
        in_tiles: Does it in tiles of that side, px.
        need_bytes: What `whole` takes, estimated.
        size_px: (height, width).
        device: Where it runs.

    Raises:
        OutOfMemory: Small tiles did not fit either.
    """
    sides: list[int | None] = [*_sides(max(size_px))]
    whole_first = need_bytes <= HEADROOM * free_bytes(device) or not sides
    # A small picture has no tiles: it is tried once more when memory has been freed.
    ways = [
        Way(whole)
        if side is None
        else Way(
            partial(in_tiles, side),
            f"Memory was short, so the picture went through the autoencoder in tiles of {side} px.",
        )
        for side in [*([None] if whole_first else []), *(sides or [None])]
    ]
    height, width = size_px
    return overcome(
        ways,
        f"There is not enough memory for the autoencoder at {width}x{height} px, not even in "
        f"tiles; choose {width // 2}x{height // 2} px, or free some memory.",
    )


def _sides(picture_px: int) -> Iterator[int]:
    """Sides of tiles that are worth a try, the largest first, on a grid that all models share."""
    side = min(TILE_PX, picture_px // 2 // 64 * 64)
    while side >= LEAST_TILE_PX:
        yield side
        side = side // 2 // 64 * 64
