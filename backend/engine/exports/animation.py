"""Frames as one file: mp4, GIF, WebP, a zip of PNGs, or a contact sheet, with its record."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from typing import NamedTuple, assert_never

import numpy as np
from PIL import Image

from backend.contracts.events import Output, Pixels
from backend.contracts.settings import MorphFormat
from backend.contracts.sound import SOUND, Sound
from backend.engine.exports.video import mp4
from backend.recipes.metadata import write_png

SHEET_PX = 192  # longest side of a picture on the contact sheet
_USER_COMMENT = 0x9286
_EXIF_IFD = 0x8769


class Encoded(NamedTuple):
    """A file: its bytes, how its name ends, and its media type."""

    content: bytes
    suffix: str
    kind: str


def encode(
    outputs: Sequence[Output], wanted: MorphFormat, fps: int, *, ping_pong: bool = False
) -> Encoded:
    """Puts the frames of a morph or a clip, in order, into one file.

    Args:
        outputs: At least one.
        wanted: Which kind of file.
        fps: Frames per second of what moves.
        ping_pong: What moves runs back to its start; the frames at both turns are shown once.

    Raises:
        StorageProblem: The disk is full, or ffmpeg failed.
    """
    pictures = [output.image for output in outputs]
    played = [*pictures, *pictures[-2:0:-1]] if ping_pong else pictures
    note = json.dumps({"mode": outputs[0].record.mode, "settings": outputs[0].record.settings})
    match wanted:
        case "mp4":
            kept = outputs[0].views.get(SOUND)
            sound = None if kept is None else Sound.of_picture(kept)
            made = mp4(played, fps, note, sound, len(pictures) / fps)
            return Encoded(made, ".mp4", "video/mp4")
        case "gif":
            return Encoded(_gif(played, fps, note), ".gif", "image/gif")
        case "webp":
            return Encoded(_webp(played, fps, note), ".webp", "image/webp")
        case "zip":
            return Encoded(_zip(outputs, note), ".zip", "application/zip")
        case "sheet":
            sheet = write_png(contact_sheet(pictures), outputs[0].record)
            return Encoded(sheet, ".png", "image/png")
    assert_never(wanted)


def contact_sheet(pictures: Sequence[Pixels]) -> Pixels:
    """All frames on one sheet, row by row."""
    height, width = pictures[0].shape[:2]
    scale = min(1.0, SHEET_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    columns = min(len(pictures), max(4, math.ceil(math.sqrt(len(pictures)))))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (size[0] + 4) + 4, rows * (size[1] + 4) + 4), "white")
    for index, picture in enumerate(pictures):
        small = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
        sheet.paste(
            small, (4 + index % columns * (size[0] + 4), 4 + index // columns * (size[1] + 4))
        )
    return np.asarray(sheet)


def _gif(pictures: Sequence[Pixels], fps: int, note: str) -> bytes:
    first, *rest = (Image.fromarray(p).quantize(256, Image.Quantize.MEDIANCUT) for p in pictures)
    stream = io.BytesIO()
    # GIF counts in hundredths of a second, and browsers slow down what is faster than 50 fps.
    first.save(
        stream,
        "GIF",
        save_all=True,
        append_images=rest,
        loop=0,
        duration=max(20, round(100 / fps) * 10),
        comment=note.encode(),
    )
    return stream.getvalue()


def _webp(pictures: Sequence[Pixels], fps: int, note: str) -> bytes:
    first, *rest = (Image.fromarray(p) for p in pictures)
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"ASCII\0\0\0" + note.encode()
    stream = io.BytesIO()
    first.save(
        stream,
        "WEBP",
        save_all=True,
        append_images=rest,
        loop=0,
        quality=90,
        duration=round(1000 / fps),
        exif=exif,
    )
    return stream.getvalue()


def _zip(outputs: Sequence[Output], note: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for index, output in enumerate(outputs):
            archive.writestr(f"frame-{index:04d}.png", write_png(output.image, output.record))
        archive.writestr(f"{outputs[0].record.mode}.json", note)
    return stream.getvalue()
