"""Small upscalers of real architectures with random weights, as files, for tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact
from spandrel.architectures.DAT import DAT
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.SPAN import SPAN
from spandrel.architectures.SwinIR import SwinIR
from torch import nn

MAKERS: dict[str, tuple[int, Callable[[], nn.Module]]] = {
    "ESRGAN": (4, partial(ESRGAN, num_filters=8, num_blocks=2, scale=4)),
    "Compact": (4, partial(Compact, num_feat=16, num_conv=4, upscale=4)),
    "SPAN": (2, partial(SPAN, num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2)),
    "SwinIR": (
        2,
        partial(
            SwinIR,
            embed_dim=12,
            depths=[2, 2],
            num_heads=[2, 2],
            window_size=8,
            mlp_ratio=2.0,
            upscale=2,
            upsampler="pixelshuffle",
        ),
    ),
    "DAT": (
        2,
        partial(
            DAT,
            embed_dim=32,
            split_size=[2, 4],
            depth=[2, 2],
            num_heads=[2, 2],
            expansion_factor=2.0,
            upscale=2,
            upsampler="pixelshuffle",
        ),
    ),
}
"""Architecture as spandrel calls it -> its scale, and a small one."""


def upscaler_file(path: Path, architecture: str = "Compact") -> Path:
    """Writes an upscaler's file; the same architecture gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = MAKERS[architecture][1]()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: t.contiguous().clone() for name, t in model.state_dict().items()}, path)
    return path
