"""Masks: preparing them, the region that they cover, and laying the result over the original.

White is repainted. Blur and padding mean what they mean in AUTOMATIC1111's web UI.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.pictures.boxes import Box
from backend.pictures.fit import Placement

Mask = NDArray[np.float32]  # (H, W), 0 keeps, 1 repaints


def blur_extent_px(blur_px: int) -> int:
    """How far beyond its edge a mask of blur `blur_px` (the Gaussian's sigma) reaches, px."""
    return int(2.5 * blur_px + 0.5)


def prepare_mask(
    mask: NDArray[np.uint8],
    size: tuple[int, int],
    *,
    invert: bool = False,
    blur_px: int = 4,
    placement: Placement | None = None,
) -> Mask:
    """Makes a painted or uploaded mask ready.

    Args:
        mask: (H, W) or (H, W, 3) uint8; grey tones repaint in part.
        size: (width, height) of the picture that the mask belongs to, px.
        invert: Repaint what is black instead.
        blur_px: Sigma of the Gaussian that softens the edge; cut off at `blur_extent_px`.
        placement: How that picture was fitted; the mask is then laid down in the same way, and
            what padding adds is kept.

    Returns:
        (H, W) float32 in 0..1, of `size`, or of the placement's canvas.

    Raises:
        BadInput: The mask has neither the picture's size nor its aspect ratio, or repaints
            nothing.
    """
    if mask.ndim == 3:
        mask = cv2.cvtColor(mask, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    grey = _sized_like(mask, size)
    if invert:
        grey = np.subtract(255, grey, dtype=np.uint8)
    if placement is not None:
        layers = np.repeat(grey[:, :, None], 3, axis=2)
        grey = placement.apply(layers, (0, 0, 0), Image.Resampling.BILINEAR)[:, :, 0]
    if grey.max() < 128:
        raise BadInput(
            "The mask leaves nothing to repaint; paint the part that may change in white.", "mask"
        )
    soft = grey.astype(np.float32) / np.float32(255)
    if blur_px == 0:
        return soft
    side = 2 * blur_extent_px(blur_px) + 1
    blurred = cv2.GaussianBlur(soft, (side, side), blur_px, borderType=cv2.BORDER_REPLICATE)
    return np.clip(blurred, 0.0, 1.0, dtype=np.float32)


def _sized_like(grey: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    mask_height, mask_width = grey.shape
    if (mask_width, mask_height) == size:
        return grey
    # Of the same aspect ratio up to a pixel of rounding: a smaller or larger copy.
    if abs(mask_width * height - mask_height * width) > max(width, height):
        raise BadInput(
            f"The mask has {mask_width} x {mask_height} px and the picture {width} x {height} px; "
            "paint the mask on this picture, or use one of its size.",
            "mask",
        )
    return cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR_EXACT).astype(np.uint8)


def latent_mask(mask: Mask, factor: int) -> Mask:
    """The mask on the latent's grid, as diffusers' inpainting makes it.

    Binarised at one half, then one pixel for each latent position (nearest).

    Args:
        mask: (H, W) float32, sides multiples of the factor.
        factor: Pixels for each latent position, along one side.

    Returns:
        (H / factor, W / factor) float32 of 0 and 1.

    Raises:
        BadInput: No latent is repainted, because the mask is too thin.
    """
    height, width = mask.shape
    if height % factor or width % factor:
        raise ValueError(f"{width} x {height} px are no multiples of {factor}")
    latent = (mask >= 0.5)[::factor, ::factor].astype(np.float32)
    if not latent.any():
        raise BadInput(
            f"The mask is too thin for the model, which works in squares of {factor} px; paint "
            "a broader part, or blur the mask less.",
            "mask",
        )
    return latent


def only_masked_region(mask: Mask, padding_px: int, width: int, height: int) -> Box:
    """The rectangle around the mask that is drawn at full size.

    Args:
        mask: (H, W) float32; all that is above 0 is covered, the blurred edge too.
        padding_px: Kept free around it on each side, as far as the picture reaches.
        width: Width at which the region will be drawn, px.
        height: Height at which the region will be drawn, px.

    Returns:
        A box inside the picture, grown to the aspect ratio width : height (to a pixel) where
        the picture is large enough for that, and as near to it as it allows otherwise.

    Raises:
        BadInput: The mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise BadInput(
            "The mask leaves nothing to repaint; paint the part that may change in white.", "mask"
        )
    image_height, image_width = mask.shape
    left, right = _padded(int(columns[0]), int(columns[-1]) + 1, padding_px, image_width)
    top, bottom = _padded(int(rows[0]), int(rows[-1]) + 1, padding_px, image_height)
    left, right = _grown(left, right, round((bottom - top) * width / height), image_width)
    top, bottom = _grown(top, bottom, round((right - left) * height / width), image_height)
    return Box(left, top, right, bottom)


def _padded(start: int, stop: int, padding_px: int, limit: int) -> tuple[int, int]:
    return max(start - padding_px, 0), min(stop + padding_px, limit)


def _grown(start: int, stop: int, wanted: int, limit: int) -> tuple[int, int]:
    """Grows start..stop evenly to `wanted` (never shrinks), shifted to stay within 0..limit."""
    length = min(max(wanted, stop - start), limit)
    start -= (length - (stop - start)) // 2
    start = min(max(start, 0), limit - length)
    return start, start + length


def composite(original: Pixels, painted: Pixels, mask: Mask) -> Pixels:
    """Lays `painted` over `original`.

    Where the mask is 0 the result is bit-equal to the original, where it is 1 to what was painted.

    Args:
        original: (H, W, 3) uint8.
        painted: (H, W, 3) uint8.
        mask: (H, W) float32 in 0..1.
    """
    if not original.shape == painted.shape == (*mask.shape, 3):
        raise ValueError(f"sizes differ: {original.shape}, {painted.shape}, {mask.shape}")
    base = original.astype(np.float32)
    mixed = base + mask[:, :, None] * (painted.astype(np.float32) - base)
    return np.rint(mixed).astype(np.uint8)


def paste_back(original: Pixels, painted: Pixels, box: Box, mask: Mask) -> Pixels:
    """Scales what was drawn of `box` back to its size there and lays it over the original.

    Args:
        original: (H, W, 3) uint8.
        painted: (h, w, 3) uint8, the region as it was drawn, at any size.
        box: The region, from `only_masked_region`.
        mask: (H, W) float32 over all of the original.
    """
    if painted.shape[:2] != (box.height, box.width):
        painted = np.asarray(
            Image.fromarray(painted).resize((box.width, box.height), Image.Resampling.LANCZOS)
        )
    placed = original.copy()
    placed[box.top : box.bottom, box.left : box.right] = painted
    return composite(original, placed, mask)
