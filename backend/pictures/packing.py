"""Input pictures as small files, to be kept with settings: packed within a bound, and read back.

What is packed holds pixels alone: where a camera says when and where it was, that stays behind.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.pictures.decode import decode
from backend.pictures.opening import opened

EXACT = ("mask",)  # what a mask means hangs on each of its pixels: these stay lossless
JPEG_QUALITIES = (95, 85)
_MARKS = {b"\x89PNG\r\n\x1a\n": ".png", b"\xff\xd8\xff": ".jpg"}


@dataclass(frozen=True)
class Packed:
    """Pictures as files.

    Attributes:
        files: PNG or JPEG by the picture's name.
        lossy: Names of those that did not fit without loss.
    """

    files: dict[str, bytes]
    lossy: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(map(len, self.files.values()))


def pack(pictures: Mapping[str, Pixels], room_bytes: int) -> Packed:
    """Pictures as PNGs; where they do not fit, the largest as JPEG, the mask never.

    Args:
        pictures: (H, W, 3) uint8 RGB by name.
        room_bytes: What all files together may have.

    Raises:
        BadInput: They do not fit; says what to do.
    """
    files = {name: _png(image) for name, image in pictures.items()}
    left = {name: list(JPEG_QUALITIES) for name in pictures if name not in EXACT}
    while sum(map(len, files.values())) > room_bytes:
        shrinkable = [name for name, qualities in left.items() if qualities]
        if not shrinkable:
            size = sum(map(len, files.values()))
            raise BadInput(
                f"The pictures take {size / 2**20:.1f} MB, and a preset holds up to "
                f"{room_bytes / 2**20:.1f} MB of them. Use smaller pictures, or save it without "
                "them.",
                "pictures",
            )
        largest = max(shrinkable, key=lambda name: len(files[name]))
        smaller = _jpeg(pictures[largest], left[largest].pop(0))
        files[largest] = min(files[largest], smaller, key=len)
    lossy = tuple(name for name, file in files.items() if suffix(file) == ".jpg")
    return Packed(files, lossy)


def unpack(data: bytes, name: str) -> Pixels:
    """The pixels of a packed picture, read as carefully as an upload.

    Args:
        data: The file; presets are passed on, so it may be anybody's.
        name: The picture's name, at which errors point.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        BadInput: It is damaged, too large, animated, or no PNG or JPEG.
    """
    if not suffix(data):
        raise BadInput("It is not a PNG or JPEG.", name)
    pixels = decode(data, name)
    with opened(data) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise BadInput("It is animated; a still picture is needed.", name)
    return pixels


def suffix(data: bytes) -> str:
    """How a packed picture's file name ends; "" where it is neither PNG nor JPEG."""
    return next((end for mark, end in _MARKS.items() if data.startswith(mark)), "")


def _png(image: Pixels) -> bytes:
    return _saved(image, "PNG", compress_level=3)


def _jpeg(image: Pixels, quality: int) -> bytes:
    return _saved(image, "JPEG", quality=quality, subsampling=0)


def _saved(image: Pixels, kind: str, **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **options)
    return stream.getvalue()
