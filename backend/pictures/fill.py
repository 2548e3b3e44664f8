"""What unknown parts start from: colours of their surroundings, ever smoother further in.

`fill` is the pull-push method (Gortler et al. 1996, The Lumigraph, sec. 3.4): known colours are
averaged into coarser and coarser pictures until all is known, then carried back into the gaps.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.pictures.masks import Mask, composite

Float = NDArray[np.float32]
OUTPAINT_BLUR_PX = 12


def fill(image: Pixels, mask: Mask) -> Pixels:
    """Replaces the masked part by its blurred surroundings.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) float32 in 0..1; all above 0 counts as unknown and is blended in by its value.

    Returns:
        (H, W, 3) uint8, bit-equal to `image` where the mask is 0; the mean colour where the mask
        leaves nothing known.
    """
    known = (mask == 0).astype(np.float32)
    colours = image.astype(np.float32)
    if not known.any():
        mean = np.rint(colours.mean(axis=(0, 1))).astype(np.uint8)
        return composite(image, np.broadcast_to(mean, image.shape), mask)
    filled = np.clip(np.rint(_pull_push(colours, known)), 0, 255).astype(np.uint8)
    return composite(image, filled, mask)


def _pull_push(colours: Float, weight: Float) -> Float:
    """colours: (H, W, 3), weight: (H, W) in 0..1, how far each colour is known."""
    height, width = weight.shape
    if weight.min() == 1 or (height, width) == (1, 1):
        return colours
    half = ((width + 1) // 2, (height + 1) // 2)
    summed = cv2.resize(colours * weight[:, :, None], half, interpolation=cv2.INTER_AREA)
    total = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    coarse = (summed / np.maximum(total, 1e-6)[:, :, None]).astype(np.float32, copy=False)
    # A coarse pixel counts as known as soon as a quarter of it is: gaps close level by level.
    below = _pull_push(coarse, np.minimum(4 * total, 1).astype(np.float32, copy=False))
    pushed = cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR)
    mixed = weight[:, :, None] * colours + (1 - weight[:, :, None]) * pushed
    return mixed.astype(np.float32, copy=False)


def outpaint_canvas(
    image: Pixels, left: int = 0, right: int = 0, top: int = 0, bottom: int = 0
) -> tuple[Pixels, NDArray[np.uint8]]:
    """Extends a picture; the new part starts as its mirrored and blurred edge.

    Args:
        image: (H, W, 3) uint8.
        left: Pixels to add on the left; `right`, `top` and `bottom` likewise.

    Returns:
        The larger picture, bit-equal to `image` where it lies, and its mask (H, W) uint8, 255
        where it is new, to be handed to `prepare_mask`.

    Raises:
        BadInput: A side is negative, or none is given.
    """
    sides = {"left": left, "right": right, "top": top, "bottom": bottom}
    for name, added in sides.items():
        if added < 0:
            raise BadInput(
                f"The picture cannot grow by {added} px on the side '{name}'.", f"outpaint_{name}"
            )
    if not any(sides.values()):
        raise BadInput("Say by how many pixels, and on which side, the picture shall grow.")
    height, width = image.shape[:2]
    margins = ((top, bottom), (left, right))
    canvas = np.pad(image, (*margins, (0, 0)), mode="symmetric")
    canvas = cv2.GaussianBlur(canvas, (0, 0), OUTPAINT_BLUR_PX, borderType=cv2.BORDER_REPLICATE)
    canvas = canvas.astype(np.uint8, copy=False)
    canvas[top : top + height, left : left + width] = image
    mask = np.pad(np.zeros((height, width), np.uint8), margins, constant_values=255)
    return canvas, mask
