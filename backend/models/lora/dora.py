"""DoRA (Liu et al. 2024, 2402.09353, eq. 5): a magnitude for each row or column of the new weight.

W' = m (W0 + s B A) / ||W0 + s B A||. With a weight w of the LoRA the layer has W0 + w (W' - W0), as
the field's tools scale it: a DoRA is a whole difference that depends on W0. PEFT's and diffusers'
`lora_magnitude_vector` holds one value an output; LyCORIS' `dora_scale` does too, or, as its
trainers wrote it first, one value an input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from torch import Tensor

from backend.contracts.errors import ModelProblem

_MAGNITUDE = re.compile(
    r"(?P<base>.+)\.(?:(?P<scale>dora_scale)|lora_magnitude_vector(?:\.default)?(?:\.weight)?)"
)


def magnitude_keys(keys: Iterable[str]) -> dict[str, str]:
    """Key of each magnitude by the name of its layer, as the file writes that."""
    found = ((match["base"], key) for key in keys if (match := _MAGNITUDE.fullmatch(key)))
    return dict(found)


def check(key: str, shape: tuple[int, ...], rows: int, columns: int) -> tuple[int, int]:
    """The magnitudes' shape against a weight of (rows, columns): (rows, 1) or (1, columns).

    Raises:
        ModelProblem: They belong to no layer of that size.
    """
    count = 1
    for extent in shape:
        count *= extent
    # LyCORIS puts the dimension that it keeps where the weight has it; PEFT means outputs always.
    by_output = not key.endswith("dora_scale") or (bool(shape) and shape[0] == rows)
    if by_output and count == rows:
        return rows, 1
    if not by_output and count == columns:
        return 1, columns
    raise ModelProblem(f"Its magnitudes '{key[:120]}' do not match their layer.")


def difference(weight: Tensor, change: Tensor, magnitude: Tensor) -> Tensor:
    """W' - W0 at weight 1, (rows, columns) float32.

    Args:
        weight: W0, (rows, ...) with the kernel's extents behind the inputs.
        change: s B A, of as many elements.
        magnitude: (rows, 1) or (1, inputs).
    """
    original = weight.float()
    whole = original + change.reshape(original.shape)
    kept = 0 if magnitude.shape[1] == 1 and magnitude.shape[0] == len(original) else 1
    others = [axis for axis in range(whole.ndim) if axis != kept]
    norm = whole.square().sum(dim=others, keepdim=True).sqrt()
    by = magnitude.reshape([-1 if axis == kept else 1 for axis in range(whole.ndim)])
    # Where a row is zero there is no direction; it stays so.
    factor = torch.where(norm > 0, by / norm, torch.ones_like(norm))
    return (factor * whole - original).reshape(len(original), -1)
