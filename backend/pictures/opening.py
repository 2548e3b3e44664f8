"""Opening pictures that come from outside: the one place where Pillow looks at foreign bytes.

Pillow guesses a format by content, and some of its readers run foreign programs (EPS starts
Ghostscript), so every call names the formats that it takes.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from PIL import Image

from backend.contracts.errors import BadInput
from backend.pictures.pieces import check_pieces

MAX_PIXELS = 4096 * 4096
FORMATS = ("PNG", "JPEG", "WEBP")

# For every decoder in this process, Gradio's included: a 21 KB PNG can unpack to 531 MB.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def header_of(data: bytes, formats: Sequence[str]) -> Image.Image:
    """Opens a picture of one of these formats without decoding a pixel; close it after use.

    What is cut into far more pieces than a picture is, is refused before that.

    Args:
        data: The file's bytes.
        formats: Pillow's names of the formats that are accepted.

    Raises:
        Anything that a parser of hostile bytes may raise; callers turn it into a sentence.
    """
    check_pieces(data)
    return Image.open(io.BytesIO(data), formats=tuple(formats))


@contextmanager
def opened(data: bytes) -> Generator[Image.Image]:
    """Opens a PNG, JPEG or WebP; its header is checked, its pixels are not decoded yet.

    Raises:
        BadInput: It is not such a picture, or has more than MAX_PIXELS. Also when decoding inside
            the `with` block fails.
    """
    try:
        with header_of(data, FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large()
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError):
        raise BadInput("This is not a PNG, JPEG or WebP picture that can be read.") from None


def _too_large() -> BadInput:
    return BadInput(f"The picture is larger than {MAX_PIXELS / 1e6:.1f} megapixels.")
