"""What fits into the memory at hand, said before a job starts."""

from __future__ import annotations

from typing import Any

import psutil
import torch

from backend.errors import ModelProblem, OutOfMemory
from backend.models.catalog import ModelInfo
from backend.models.configs import part_config
from backend.models.devices import Target
from backend.settings import Settings

HEADROOM = 0.8  # of what is free: allocators fragment, other programs grow
MIB = 2**20


def free_bytes(target: Target) -> int:
    """Memory of the device that a job could take now."""
    if target.device.type == "cuda":
        return torch.cuda.mem_get_info(target.device)[0]
    return int(psutil.virtual_memory().available)


def budget(target: Target) -> int:
    """Bytes that the model cache may hold: 70 % of what is free at the start."""
    return int(0.7 * free_bytes(target))


def job_bytes(settings: Settings, info: ModelInfo, target: Target) -> int:
    """Activations of a run at their peak, estimated.

    The decoder's last blocks hold a few full-size maps of its first width for one picture (we
    decode a batch in slices); the UNet holds about forty maps of its first width for each sample
    of the guided batch. Measured at SD 1.5 and Pocket, right within a factor of 1.5.
    """
    item = torch.finfo(target.dtype).bits // 8
    width_px, height_px = settings.drawn_size
    pixels = width_px * height_px
    first = int(_config(info, "vae").get("block_out_channels", [128])[0])
    decode = 8 * pixels * first * item
    denoise = settings.fewest_together * _row_bytes(settings, info, target)
    pictures = 16 * pixels * settings.picture_count
    return max(decode, denoise) + pictures


def rows_that_fit(settings: Settings, info: ModelInfo, target: Target) -> int:
    """How many samples one model call may hold with what is free now; at least 1."""
    room = int(HEADROOM * free_bytes(target))
    return max(1, room // _row_bytes(settings, info, target))


def _row_bytes(settings: Settings, info: ModelInfo, target: Target) -> int:
    """The UNet's share of one sample, both halves where it is guided."""
    item = torch.finfo(target.dtype).bits // 8
    width_px, height_px = settings.drawn_size
    guided = 2 if settings.guidance_scale is None or settings.guidance_scale > 1 else 1
    width = int(_config(info, "unet").get("block_out_channels", [320])[0])
    return 40 * guided * (width_px * height_px // 64) * width * item


def _config(info: ModelInfo, part: str) -> dict[str, Any]:
    try:
        return part_config(info, part)
    except (OSError, ModelProblem):
        return {}  # gone meanwhile: loading will say so, till then SD's widths are the defaults


def check(settings: Settings, info: ModelInfo, target: Target) -> None:
    """Refuses a job that cannot fit and says what would.

    Raises:
        OutOfMemory: With the largest batch, or else the largest size, that fits.
    """
    room = int(HEADROOM * free_bytes(target))
    need = job_bytes(settings, info, target)
    if need <= room:
        return
    width, height = settings.drawn_size
    asked = f"{settings.picture_count} x {width}x{height} px"
    raise OutOfMemory(
        f"{asked} needs about {need // MIB:,} MiB and {room // MIB:,} MiB are free; "
        f"{_what_fits(settings, info, target, room)}"
    )


def _what_fits(settings: Settings, info: ModelInfo, target: Target, room: int) -> str:
    for batch in range(settings.batch_size - 1, 0, -1):
        smaller = settings.model_copy(update={"batch_size": batch})
        if job_bytes(smaller, info, target) <= room:
            return f"a batch of {batch} at this size would fit."
    for side in range(max(settings.width or 64, settings.height or 64), 63, -8):
        smaller = settings.model_copy(update={"batch_size": 1, "width": side, "height": side})
        if job_bytes(smaller, info, target) <= room:
            return f"one picture of {side}x{side} px would fit."
    return "free some memory first."
