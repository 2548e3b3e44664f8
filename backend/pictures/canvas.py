"""From an upload and a mask to what the model sees, and from what it drew back to the result."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.settings import Img2ImgSettings
from backend.pictures.boxes import Box, crop
from backend.pictures.fill import fill, outpaint_canvas
from backend.pictures.fit import fit
from backend.pictures.masks import (
    Mask,
    composite,
    latent_mask,
    only_masked_region,
    paste_back,
    prepare_mask,
)


@dataclass(frozen=True, eq=False)
class Canvas:
    """One picture on its way through a run.

    Attributes:
        original: (H, W, 3), the fitted, perhaps extended upload that the result is laid over.
        mask: (H, W) over it, softened, 1 where it is repainted; None repaints all.
        box: The part of it that is drawn alone; None draws all.
        source: What the model starts from, at the size that it draws; already filled where the
            settings say so.
        bare: The same before it was filled.
        drawn_mask: `mask` at the size that the model draws.
    """

    original: Pixels
    mask: Mask | None
    box: Box | None
    source: Pixels
    bare: Pixels
    drawn_mask: Mask | None

    def latent_mask(self, factor: int) -> Mask | None:
        """(h, w) of 0 and 1, one for each latent position of `factor` px.

        Raises:
            BadInput: The mask is too thin for it.
        """
        return None if self.drawn_mask is None else latent_mask(self.drawn_mask, factor)

    def finish(self, painted: Pixels) -> Pixels:
        """Lays what was drawn over the original, which stays bit-equal outside the mask."""
        if self.mask is None:
            return painted
        if self.box is not None:
            return paste_back(self.original, painted, self.box, self.mask)
        return composite(self.original, painted, self.mask)


def prepare(
    settings: Img2ImgSettings, image: Pixels, mask: NDArray[np.uint8] | None = None
) -> Canvas:
    """Fits, extends, masks and crops as the settings say.

    Args:
        settings: Resolved.
        image: (H, W, 3) uint8, the upload.
        mask: (H, W) or (H, W, 3) uint8 over the upload, white where to repaint.

    Raises:
        BadInput: The mask does not belong to the picture, is empty or too thin, or the settings
            ask for only the masked part where there is no mask.
    """
    width, height = settings.width, settings.height
    assert width is not None
    assert height is not None
    fitted = fit(image, width, height, settings.resize_mode)
    hard = None
    if mask is not None:
        hard = prepare_mask(
            mask,
            (image.shape[1], image.shape[0]),
            invert=settings.mask_invert,
            blur_px=0,
            placement=fitted.placement,
        )
    original = fitted.image
    if settings.outpaints:
        original, hard = _extended(settings, original, hard)
    if hard is None:
        if settings.only_masked:
            raise BadInput(
                "Drawing only the masked part needs a mask; paint one, or turn that off.",
                "only_masked",
            )
        return Canvas(original, None, None, original, original, None)
    size = (original.shape[1], original.shape[0])
    soft = prepare_mask(_bytes(hard), size, blur_px=settings.mask_blur)
    box, bare, drawn = None, original, soft
    if settings.only_masked:
        box = only_masked_region(soft, settings.only_masked_padding, width, height)
        bare = fit(crop(original, box), width, height, "stretch").image
        part = soft[box.top : box.bottom, box.left : box.right]
        drawn = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
        drawn = drawn.astype(np.float32, copy=False)
    source = fill(bare, drawn) if settings.masked_content == "fill" else bare
    return Canvas(original, soft, box, source, bare, drawn)


def base(settings: Img2ImgSettings, image: Pixels) -> Pixels:
    """The upload, (H, W, 3), as it lies under the result: fitted and extended."""
    width, height = settings.width, settings.height
    assert width is not None
    assert height is not None
    fitted = fit(image, width, height, settings.resize_mode).image
    return _extended(settings, fitted, None)[0] if settings.outpaints else fitted


def _extended(settings: Img2ImgSettings, image: Pixels, hard: Mask | None) -> tuple[Pixels, Mask]:
    """The picture with its new sides, and its mask together with theirs."""
    sides = (
        settings.outpaint_left,
        settings.outpaint_right,
        settings.outpaint_top,
        settings.outpaint_bottom,
    )
    larger, new = outpaint_canvas(image, *sides)
    mask = new.astype(np.float32) / np.float32(255)
    if hard is not None:
        left, _, top, _ = sides
        inner = mask[top : top + hard.shape[0], left : left + hard.shape[1]]
        np.maximum(inner, hard, out=inner)
    return larger, mask


def _bytes(mask: Mask) -> NDArray[np.uint8]:
    return np.rint(mask * 255).astype(np.uint8)
