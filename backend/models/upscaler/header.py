"""What the header of a one-pass upscaler tells: its architecture, and how much it enlarges.

spandrel, which loads them, knows many more architectures than stand here; importing it takes a
second, so the list of models is made without it. What is not known here is learned on loading.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from backend.models.catalog.safetensors_header import Shapes

_CONV_UP = re.compile(r"(?:upconv|conv_up)(\d+)\.weight")


class UpscalerKind(NamedTuple):
    """Attributes:
    architecture: In spandrel's spelling; "" where only loading tells.
    scale: What it multiplies both sides by; 0 where only loading tells.
    """

    architecture: str = ""
    scale: int = 0


def upscaler_kind(shapes: Shapes) -> UpscalerKind:
    """The kind of an upscaler by the names and shapes of its tensors."""
    for name, marks, scale in _KINDS:
        if all(mark in shapes for mark in marks):
            try:
                return UpscalerKind(name, scale(shapes))
            except (KeyError, IndexError, ZeroDivisionError, ValueError):
                return UpscalerKind(name)
    return UpscalerKind()


def _old_esrgan(shapes: Shapes) -> int:
    """A sequence: convolution, trunk, three modules for each doubling, and three more."""
    last = _last(shapes, "model.")
    ways_in, ways_out = shapes["model.0.weight"][1], shapes[f"model.{last}.weight"][0]
    return 2 ** ((last - 4) // 3) // _unshuffled(ways_in, ways_out)


def _new_esrgan(shapes: Shapes) -> int:
    doublings = max((int(m[1]) for key in shapes if (m := _CONV_UP.fullmatch(key))), default=0)
    ways_in, ways_out = shapes["conv_first.weight"][1], shapes["conv_last.weight"][0]
    return 2**doublings // _unshuffled(ways_in, ways_out)


def _unshuffled(ways_in: int, ways_out: int) -> int:
    """How much smaller the picture is made first, its pixels laid into channels."""
    return math.isqrt(ways_in // ways_out)


def _compact(shapes: Shapes) -> int:
    last = _last(shapes, "body.")
    return math.isqrt(shapes[f"body.{last}.weight"][0] // shapes["body.0.weight"][1])


def _span(shapes: Shapes) -> int:
    return math.isqrt(shapes["upsampler.0.weight"][0] // shapes["conv_1.sk.weight"][1])


def _transformer(shapes: Shapes) -> int:
    """SwinIR's tails, which DAT took over."""
    ways_in = next(
        shapes[key][1] for key in ("conv_first.weight", "conv_first.1.weight") if key in shapes
    )
    ways_out = shapes["conv_last.weight"][0] if "conv_last.weight" in shapes else 3
    smaller = _unshuffled(ways_in, ways_out)
    if "conv_up1.weight" in shapes:
        return 2 ** sum(1 for key in shapes if _CONV_UP.fullmatch(key)) // smaller
    shuffles = [
        shape for key, shape in shapes.items() if re.fullmatch(r"upsample\.\d+\.weight", key)
    ]
    if "conv_before_upsample.0.weight" in shapes:
        return math.prod(math.isqrt(shape[0] // shape[1]) for shape in shuffles) // smaller
    if shuffles:
        return math.isqrt(shuffles[0][0] // ways_out) // smaller
    return 1


def _last(shapes: Shapes, prefix: str) -> int:
    """The highest number that follows a prefix."""
    return max(_numbers(shapes, prefix))


def _numbers(shapes: Shapes, prefix: str) -> Iterable[int]:
    for key in shapes:
        number = key.removeprefix(prefix).split(".", 1)[0]
        if key.startswith(prefix) and number.isdecimal():
            yield int(number)


_KINDS: tuple[tuple[str, tuple[str, ...], Callable[[Shapes], int]], ...] = (
    ("ESRGAN", ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"), _old_esrgan),
    ("ESRGAN", ("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_last.weight"), _new_esrgan),
    (
        "ESRGAN",
        ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "conv_last.weight"),
        _new_esrgan,
    ),
    ("SPAN", ("conv_1.sk.weight", "block_1.c1_r.sk.weight", "upsampler.0.weight"), _span),
    (
        "DAT",
        ("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.norm1.weight"),
        _transformer,
    ),
    (
        "SwinIR",
        (
            "layers.0.residual_group.blocks.0.norm1.weight",
            "layers.0.residual_group.blocks.0.mlp.fc1.bias",
            "layers.0.residual_group.blocks.0.attn.relative_position_index",
        ),
        _transformer,
    ),
    ("Compact", ("body.0.weight", "body.1.weight"), _compact),
)
