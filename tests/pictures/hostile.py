"""Small files that ask for much: what an upload may be at its worst."""

from __future__ import annotations

import functools
import io
import struct
import zlib

import numpy as np
from PIL import Image

SVG = b'<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def zeros(count: int) -> bytes:
    """`count` zero bytes (a multiple of 2**20), deflated: one packed block, repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    adler = (count % 65521) << 16 | 1  # of zeros
    return b"\x78\xda" + block * (count >> 20) + b"\x03\0" + struct.pack(">I", adler)


def png(
    width: int,
    height: int,
    bits: int,
    colour: int,
    pixels: bytes,
    *extra: bytes,
    after: bytes = b"",
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *extra,
            chunk(b"IDAT", pixels),
            after,
            chunk(b"IEND", b""),
        ]
    )


def tiled_tiff(tile: int) -> bytes:
    """A TIFF of 32 x 32 px whose one tile claims `tile` x `tile` px, LZW compressed."""
    tags = [
        (256, 32),
        (257, 32),
        (258, 8),
        (259, 5),
        (262, 1),
        (277, 1),
        (322, tile),
        (323, tile),
        (324, 8),
        (325, 0),
    ]
    body = bytes(64)
    tags[-1] = (325, len(body))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = 8 + len(body)
    return (
        b"II*\0"
        + struct.pack("<I", start)
        + body
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
    )


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int = 64, height: int = 48) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


@functools.cache
def bad_files() -> dict[str, bytes]:
    """Name -> bytes of every file that must be refused."""
    small = zlib.compress(bytes(4 * 4))
    jpeg = saved(noise(), "JPEG")
    large_jpeg = jpeg.replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 65000, 65000), 1)
    bmp = saved(noise(), "BMP")
    gif = saved(noise(), "GIF")
    frame = gif.index(b",\0\0\0\0") + 5
    return {
        "empty": b"",
        "text": b"hello, I am no picture",
        "html": b"<!doctype html><html><body>not found</body></html>",
        "svg": SVG,
        "svg bare": b"\xef\xbb\xbf  <SVG width='9' height='9'/>",
        "heic": b"\0\0\0\x18ftypheic" + bytes(64),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "png bomb of 531 MB": png(13303, 13303, 1, 0, zeros(22 * 2**20)),
        "png header alone": png(2**31 - 1, 2**31 - 1, 8, 2, small),
        "zTXt bomb": png(4, 4, 8, 0, small, chunk(b"zTXt", b"a\0\0" + zeros(400 * 2**20))),
        "zTXt bomb at the end": png(
            4,
            4,
            8,
            0,
            zlib.compress(bytes(20)),
            after=chunk(b"zTXt", b"a\0\0" + zeros(400 * 2**20)),
        ),
        "iTXt bomb": png(4, 4, 8, 0, small, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(400 * 2**20))),
        "iCCP bomb": png(4, 4, 8, 0, small, chunk(b"iCCP", b"a\0\0" + zeros(400 * 2**20))),
        "jpeg header alone": large_jpeg,
        "bmp header alone": bmp[:18] + struct.pack("<ii", 60000, 60000) + bmp[26:],
        "gif frame larger than all": gif[:frame]
        + struct.pack("<HH", 60000, 60000)
        + gif[frame + 4 :],
        "tiff tile of 4 GB": tiled_tiff(2**16),
        "thin": saved(Image.new("L", (1, 20000)), "PNG"),
        "flat": saved(Image.new("L", (20000, 1)), "PNG"),
        "truncated jpeg": jpeg[: len(jpeg) // 2],
        "truncated png": saved(noise(), "PNG")[:3000],
        "truncated webp": saved(noise(), "WEBP")[:900],
        "truncated gif": gif[: len(gif) // 2],
        "truncated tiff": saved(noise(), "TIFF")[:2000],
        "png signature alone": b"\x89PNG\r\n\x1a\n",
        "float tiff": saved(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"),
    }
