"""What fits into the memory at hand, said before a job starts."""

from __future__ import annotations

import torch

from backend.contracts.errors import OutOfMemory
from backend.contracts.settings import Settings
from backend.contracts.workload import rows_each
from backend.models.autoencoder.tiling import TILE_PX
from backend.models.catalog.entry import ModelInfo
from backend.models.memory.devices import HEADROOM, Target, free_bytes

MIB = 2**20


def job_bytes(settings: Settings, info: ModelInfo, target: Target) -> int:
    """Activations of a run at their peak, estimated.

    The decoder works on one picture at a time (a batch is decoded in slices, and a large picture
    in tiles where it must be), the network on all samples of the guided batch.
    """
    item = torch.finfo(target.dtype).bits // 8
    width_px, height_px = settings.drawn_size
    pixels = width_px * height_px
    decode = info.anatomy.decode_values * min(pixels, TILE_PX**2) * item
    denoise = settings.fewest_together * _row_bytes(settings, info, target)
    pictures = 16 * pixels * settings.picture_count * settings.batch_count
    return max(decode, denoise) + pictures


def rows_that_fit(settings: Settings, info: ModelInfo, target: Target) -> int:
    """How many samples one model call may hold with what is free now; at least 1."""
    room = int(HEADROOM * free_bytes(target.device))
    return max(1, room // _row_bytes(settings, info, target))


def _row_bytes(settings: Settings, info: ModelInfo, target: Target) -> int:
    """The network's share of one sample, with all rows of its guidance."""
    item = torch.finfo(target.dtype).bits // 8
    width_px, height_px = settings.drawn_size
    anatomy = info.anatomy
    each = anatomy.call_values * rows_each(settings)
    return each * (width_px * height_px // anatomy.factor**2) * item


def check(settings: Settings, info: ModelInfo, target: Target) -> None:
    """Refuses a job that cannot fit and says what would.

    Raises:
        OutOfMemory: With the largest batch, or else the largest size, that fits.
    """
    room = int(HEADROOM * free_bytes(target.device))
    need = job_bytes(settings, info, target)
    if need <= room:
        return
    width, height = settings.drawn_size
    asked = f"{settings.picture_count} x {width}x{height} px"
    raise OutOfMemory(
        f"{asked} needs about {need // MIB:,} MiB and {room // MIB:,} MiB are free; "
        f"{_what_fits(settings, info, target, room)}"
    )


def advice(settings: Settings, info: ModelInfo, target: Target) -> str:
    """What to ask for instead of a job that ran out of memory though the estimate let it pass.

    The batch is drawn in parts by then, so only the size is left.
    """
    one = settings.model_copy(update={"batch_size": 1})
    room = int(HEADROOM * free_bytes(target.device))
    return _what_fits(one, info, target, min(room, job_bytes(one, info, target) // 2))


def _what_fits(settings: Settings, info: ModelInfo, target: Target, room: int) -> str:
    for batch in range(settings.batch_size - 1, 0, -1):
        smaller = settings.model_copy(update={"batch_size": batch})
        if job_bytes(smaller, info, target) <= room:
            return f"a batch of {batch} at this size would fit."
    sizes = info.anatomy.sizes
    largest = max(settings.width or 0, settings.height or 0) // sizes.step_px * sizes.step_px
    for side in range(largest, sizes.least_px - 1, -sizes.step_px):
        smaller = settings.model_copy(update={"batch_size": 1, "width": side, "height": side})
        if job_bytes(smaller, info, target) <= room:
            return f"one picture of {side}x{side} px would fit."
    return "free some memory first."
