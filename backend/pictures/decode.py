"""Uploads of any kind -> (H, W, 3) uint8 RGB.

An upload is hostile until shown otherwise: its format is taken from an allow list, its size from
the header before a single pixel is decoded. Colour profiles are not applied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.pictures.budget import Budget
from backend.pictures.opening import MAX_PIXELS, header_of

MAX_ASPECT = 32  # as wide as the largest model's longest side by its shortest: 2048 x 64
MAX_FILE_BYTES = 64 * 2**20
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
KNOWN = "PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF"

ORIENTATION_TAG = 0x0112
TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
OPAQUE = 127
ONE_COLOUR = 32
"""How far the tones of a stroke may be apart, of 255."""
TILE_TAGS = (322, 323)  # TIFF: TileWidth, TileLength
# What Pillow raises when a text or profile chunk unpacks to more than it allows.
TOO_LARGE_INSIDE = "Decompressed data too large"


def decode(data: bytes, field: str = "image", budget: Budget | None = None) -> Pixels:
    """Decodes an uploaded picture.

    The first frame of an animation is taken, the camera's orientation applied, transparency laid
    over white, 16-bit grey brought to 8 bits.

    Args:
        data: The file's bytes.
        field: The settings field or picture's name that errors point at.
        budget: Of the request; the pixels are taken from it before they are decoded.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        BadInput: The file is empty, no picture, damaged, too large, extremely narrow, or more than
            the budget allows.
    """
    return _decoded(data, field, budget, _to_rgb)


def decode_mask(data: bytes, field: str = "mask", budget: Budget | None = None) -> Pixels:
    """Decodes an uploaded mask: its alpha decides where it has any, else its brightness.

    Strokes of one colour on a transparent ground are what is repainted; of a picture with a hole,
    as an eraser leaves it, the hole is.

    Args, Raises:
        See `decode`.

    Returns:
        (H, W, 3) uint8, white where the picture is repainted.
    """
    return _decoded(data, field, budget, _to_mask)


def decode_holes(data: bytes, field: str, budget: Budget | None = None) -> Pixels | None:
    """Where a picture is transparent: (H, W, 3) uint8, white there; None where it is nowhere.

    Args, Raises:
        See `decode`.
    """
    holes = _decoded(data, field, budget, _to_holes)
    return holes if holes.any() else None


def decode_strokes(data: bytes, field: str, budget: Budget | None = None) -> Pixels:
    """Decodes a picture with how much each of its pixels covers.

    Args, Raises:
        See `decode`.

    Returns:
        (H, W, 4) uint8 RGBA, straight alpha.
    """
    return _decoded(data, field, budget, _to_rgba)


def _decoded(
    data: bytes,
    field: str,
    budget: Budget | None,
    convert: Callable[[Image.Image, str], Pixels],
) -> Pixels:
    _check_bytes(data, field)
    try:
        with header_of(data, FORMATS) as image:
            _check_header(image, field)
            if budget is not None:
                budget.take(3 * image.width * image.height, field)
            image.load()
            return convert(_upright(image), field)
    except BadInput:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadInput(_too_many_pixels(), field) from None
    except Image.UnidentifiedImageError:
        raise BadInput(
            f"This file is not a picture that can be read; use {KNOWN}.", field
        ) from None
    except Exception as error:  # a parser of hostile bytes may raise anything
        if TOO_LARGE_INSIDE in str(error):
            raise BadInput(
                "The picture holds hidden data that unpacks to more than 1 MB; save a copy "
                "without its profile and comments.",
                field,
            ) from None
        raise BadInput(
            "The picture is damaged or cut off; save or download it again.", field
        ) from error


def _check_bytes(data: bytes, field: str) -> None:
    if not data:
        raise BadInput("The file is empty; choose a picture.", field)
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(
            f"The file has {len(data) / 2**20:.0f} MB; up to {MAX_FILE_BYTES // 2**20} MB are "
            "accepted.",
            field,
        )
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!")) and b"<svg" in start):
        raise BadInput("An SVG is a drawing without pixels; export it as PNG first.", field)
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        raise BadInput("HEIC pictures cannot be read here; export it as JPEG first.", field)


def _too_many_pixels(width: int = 0, height: int = 0) -> str:
    size = f" of {width} x {height} px" if width else ""
    return f"The picture{size} is too large; up to {MAX_PIXELS / 1e6:.1f} megapixels are accepted."


def _check_header(image: Image.Image, field: str) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise BadInput("The picture has no pixels; choose another.", field)
    if width * height > MAX_PIXELS:
        raise BadInput(_too_many_pixels(width, height), field)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise BadInput(
            f"The picture of {width} x {height} px is too narrow; its long side may be at most "
            f"{MAX_ASPECT} times the short one.",
            field,
        )
    if image.format == "TIFF":
        # A tile is unpacked whole, however small the picture that it belongs to.
        tags: Any = vars(image)["tag_v2"]
        tile_width, tile_height = (int(tags.get(tag, 0)) for tag in TILE_TAGS)
        if tile_width * tile_height > MAX_PIXELS:
            raise BadInput(_too_many_pixels(tile_width, tile_height), field)


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = TURNED.get(image.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF is no reason to refuse a sound picture
        turn = None
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = dict(image.info)  # holds the transparent colour
    return turned


def _to_rgb(image: Image.Image, field: str) -> Pixels:
    if image.mode.startswith("I"):
        return _grey16(image, field)
    if image.mode == "F":
        raise BadInput("Pictures with float values cannot be read; save as 8 or 16 bits.", field)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _to_rgba(image: Image.Image, field: str) -> Pixels:
    return np.array(image.convert("RGBA"), dtype=np.uint8)


def _to_mask(image: Image.Image, field: str) -> Pixels:
    if not image.has_transparency_data:
        return _to_rgb(image, field)
    rgba = np.asarray(image.convert("RGBA"))
    alpha = rgba[:, :, 3]
    if alpha.min() == 255:
        return _to_rgb(image.convert("RGB"), field)
    drawn = rgba[alpha > OPAQUE][:, :3]
    strokes = not drawn.size or int((drawn.max(axis=0) - drawn.min(axis=0)).max()) <= ONE_COLOUR
    mask = alpha if strokes else 255 - alpha
    return np.repeat(mask[:, :, None], 3, axis=2)


def _to_holes(image: Image.Image, field: str) -> Pixels:
    if not image.has_transparency_data:
        return np.zeros((image.height, image.width, 3), np.uint8)
    alpha = np.asarray(image.convert("RGBA"))[:, :, 3]
    return np.repeat((255 - alpha)[:, :, None], 3, axis=2)


def _grey16(image: Image.Image, field: str) -> Pixels:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise BadInput("Grey values beyond 16 bits cannot be read; save as 8 or 16 bits.", field)
    grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return np.repeat(grey[:, :, None], 3, axis=2)
