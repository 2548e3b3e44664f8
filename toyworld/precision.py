"""What a training's passes compute in: the precision that the processor is quicker with.

On a processor without tiles for bfloat16 (AMX) the convolutions of a small UNet take twice as long
in it as in float32 (16 crops of 32x32, forwards and back, one core with AVX-512: 0.47 s against
0.96), so a training that always asks for it loses half its hours there.
"""

from __future__ import annotations

import torch

from backend.models.memory.devices import pick


def training_dtype(device: str = "cpu") -> torch.dtype:
    """Precision of the passes: bfloat16, or float32 where that is faster (CPUs without AMX)."""
    return torch.float32 if pick(device).dtype is torch.float32 else torch.bfloat16


def swift_precision(device: str = "cpu") -> torch.autocast:
    """A context in which passes over float32 weights run in that precision."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=training_dtype(device) is torch.bfloat16)
