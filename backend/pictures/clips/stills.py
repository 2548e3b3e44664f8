"""Clips out of single pictures: animated GIFs, WebPs and PNGs, and zips of picture files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageSequence

from backend.contracts.clip import Clip, Cut
from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.pictures.budget import Budget
from backend.pictures.decode import MAX_FILE_BYTES, decode
from backend.pictures.fit import fit
from backend.pictures.opening import MAX_PIXELS, header_of
from backend.pictures.zipped import archive_of, order

ANIMATED = ("GIF", "WEBP", "PNG")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"})
STANDARD_FPS = 12.0  # of pictures that say nothing of time
MOST_WALKED_PIXELS = 2**33  # 4,000 frames of 1080p
SHORTEST_MS = 20  # browsers show what is shorter for 100 ms
STANDARD_MS = 100


def from_animation(data: bytes, cut: Cut, budget: Budget) -> Clip:
    """An animated GIF, WebP or PNG; arguments and errors as in `read_clip`.

    Frames that are shown for different times count one each; their mean time gives the speed.
    """
    try:
        with header_of(data, ANIMATED) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadInput(
                    f"The frames are larger than {MAX_PIXELS / 1e6:.1f} megapixels.", "clip"
                )
            count: int = getattr(image, "n_frames", 1)
            cut.check(count)
            _check_work(image, cut, count)
            budget.take(cut.count(count) * image.width * image.height * 3, "clip")
            frames, shown_ms = _walked(image, cut)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadInput("The frames are too large.", "clip") from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, zlib.error):
        raise BadInput(
            "This is no clip that can be read; send an mp4, webm or GIF, or a zip of pictures.",
            "clip",
        ) from None
    return Clip(frames, 1000 / (shown_ms * cut.every))


def _check_work(image: Image.Image, cut: Cut, count: int) -> None:
    """Each frame lies over the one before, so those that are passed over are drawn as well."""
    walked = count if cut.last is None else min(count, cut.last + 1)
    if walked * image.width * image.height > MOST_WALKED_PIXELS:
        raise BadInput(
            f"Going over {walked} frames of {image.width} x {image.height} px takes too long; "
            "choose an earlier last frame, or send the clip as an mp4.",
            "last_frame",
        )


def _walked(image: Image.Image, cut: Cut) -> tuple[tuple[Pixels, ...], float]:
    """The frames that are taken, and for how long one is shown in the mean, ms."""
    frames: list[Pixels] = []
    times: list[float] = []
    try:
        for index, frame in enumerate(ImageSequence.Iterator(image)):
            if cut.last is not None and index > cut.last:
                break
            shown = float(frame.info.get("duration") or 0)
            times.append(shown if shown >= SHORTEST_MS else STANDARD_MS)
            if cut.takes(index):
                frames.append(_flat(frame))
    except (OSError, SyntaxError, EOFError, ValueError, zlib.error):
        if not frames:
            raise  # else a damaged tail leaves the frames before it
    return tuple(frames), sum(times) / len(times)


def _flat(frame: Image.Image) -> Pixels:
    """Over white, as everywhere."""
    white = Image.new("RGBA", frame.size, "white")
    return np.asarray(Image.alpha_composite(white, frame.convert("RGBA")).convert("RGB")).copy()


def from_zip(data: bytes, cut: Cut, budget: Budget) -> Clip:
    """The pictures of a zip in the order of their names, numbers by their value.

    Other files in it are passed over. Pictures of another size than the first one's are brought
    to it, cut evenly where they stand over. Arguments and errors as in `read_clip`.
    """
    try:
        with archive_of(data) as archive:
            entries = sorted(filter(_is_picture, archive.infolist()), key=order)
            if not entries:
                raise BadInput("The zip holds no pictures.", "clip")
            cut.check(len(entries))
            chosen = [entry for index, entry in enumerate(entries) if cut.takes(index)]
            frames = tuple(_decoded(archive, chosen, budget))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError):
        # RuntimeError: it is encrypted; NotImplementedError: packed in a way that is not known.
        raise BadInput(
            "The zip cannot be read; pack the pictures again, without a password.", "clip"
        ) from None
    return Clip(frames, STANDARD_FPS / cut.every)


def pictures_in(data: bytes) -> int:
    """How many pictures a zip holds; 1 where it cannot be read, which `from_zip` says."""
    try:
        with archive_of(data) as archive:
            return max(1, sum(map(_is_picture, archive.infolist())))
    except (BadInput, zipfile.BadZipFile, OSError, EOFError):
        return 1


def _decoded(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], budget: Budget
) -> Iterator[Pixels]:
    size: tuple[int, int] | None = None
    for entry in entries:
        if entry.file_size > MAX_FILE_BYTES:
            raise BadInput(f"'{entry.filename[:60]}' in the zip is too large.", "clip")
        with archive.open(entry) as file:
            content = file.read(MAX_FILE_BYTES)
        try:
            picture = decode(content, "clip", budget)
        except BadInput as error:
            raise BadInput(f"'{entry.filename[:60]}' in the zip: {error}", "clip") from None
        height, width = picture.shape[:2]
        size = size or (width, height)
        yield picture if (width, height) == size else fit(picture, *size).image


def _is_picture(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not entry.is_dir() and not hidden and path.suffix.lower() in SUFFIXES
