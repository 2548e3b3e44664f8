"""What makes the host wait for a device, told from a call and its arguments.

After CUDA's "API synchronization behavior" and its programming guide (asynchronous execution): a
copy waits unless it is asked not to; one to pageable memory waits all the same, and one from
pageable memory beyond a small size, which the driver takes along with the call, may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

# 64 KiB for real models; the tiny ones have an eighth of the side, so a latent must be pinned too.
TAKEN_ALONG_BYTES = 64 * 1024 // 64
# Their result, or its shape, is only known once the device has come so far.
READS = {
    "aten::_local_scalar_dense": "item",
    "aten::is_nonzero": "if",
    "aten::equal": "equal",
    "aten::allclose": "allclose",
    "aten::nonzero": "nonzero",
    "aten::nonzero_numpy": "nonzero",
    "aten::masked_select": "masked_select",
    "aten::unique_dim": "unique",
    "aten::_unique": "unique",
    "aten::_unique2": "unique",
    "aten::unique_consecutive": "unique",
    "aten::bincount": "bincount",
    "aten::multinomial": "multinomial",
    "aten::linalg_solve_ex": "linalg",
    "aten::linalg_inv_ex": "linalg",
    "aten::linalg_cholesky_ex": "linalg",
}
INDEXING = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}


def of_call(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str | None:
    """Why a call other than a copy makes the host wait; None where it does not.

    Args:
        name: E.g. "aten::index".
        args: Its arguments; what is on the device is no plain `torch.Tensor`.
        kwargs: The named ones.
    """
    if name in READS:
        return READS[name]
    if name == "aten::repeat_interleave":
        counts = args[1] if len(args) > 1 and isinstance(args[1], torch.Tensor) else args[0]
        known = kwargs.get("output_size") is not None
        by_tensor = isinstance(args[0], torch.Tensor) and (
            len(args) == 1 or isinstance(args[1], torch.Tensor)
        )
        return "repeat_interleave" if by_tensor and not known and counts.numel() > 1 else None
    if name in INDEXING:
        return _of_indexing(name, args)
    return None


def of_upload(source: torch.Tensor, pinned: bool, non_blocking: bool) -> str | None:
    """Why a copy from the host makes it wait."""
    if not non_blocking:
        return "copy from pinned memory, blocking" if pinned else "copy from pageable memory"
    if not pinned and source.nbytes >= TAKEN_ALONG_BYTES:
        return "copy from pageable memory"
    return None


def of_download(pinned: bool, non_blocking: bool) -> str | None:
    """Why a copy to the host makes it wait."""
    return None if non_blocking and pinned else "copy to the host"


def _of_indexing(name: str, args: Sequence[Any]) -> str | None:
    indices = [index for index in args[1] if index is not None]
    if any(type(index) is torch.Tensor and index.dim() for index in indices):
        return "index by a CPU tensor"
    if any(index.dtype in (torch.bool, torch.uint8) for index in indices):
        # A single value into one mask is a masked_fill, whose shape is known.
        fills = name != "aten::index" and len(indices) == 1 and args[2].numel() == 1
        return None if fills else "index by a mask"
    return None
