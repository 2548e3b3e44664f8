"""Opening pictures that come from outside."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

from backend.errors import BadInput
from backend.events import Pixels

MAX_PIXELS = 16_000_000
FORMATS = ("PNG", "JPEG", "WEBP")

# For every decoder in this process, Gradio's included: a 21 KB PNG can unpack to 531 MB.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """Opens a PNG, JPEG or WebP; its header is checked, its pixels are not decoded yet.

    Raises:
        BadInput: It is not such a picture, or has more than MAX_PIXELS. Also when decoding inside
            the `with` block fails.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large()
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError):
        raise BadInput("This is not a PNG, JPEG or WebP picture that can be read.") from None


def decode(data: bytes) -> Pixels:
    """Decodes a picture to (H, W, 3) uint8 RGB, upright, transparency over white.

    Raises:
        BadInput: As `opened`.
    """
    with opened(data) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            rgba = upright.convert("RGBA")
            ground = Image.new("RGBA", rgba.size, "white")
            upright = Image.alpha_composite(ground, rgba)
        return np.asarray(upright.convert("RGB"))


def _too_large() -> BadInput:
    return BadInput(f"The picture is larger than {MAX_PIXELS // 1_000_000} megapixels.")
