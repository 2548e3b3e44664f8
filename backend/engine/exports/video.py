"""mp4 (H.264) of a sequence of pictures, by the ffmpeg that imageio-ffmpeg carries."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable
from contextlib import closing
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from backend.contracts.errors import StorageProblem
from backend.contracts.events import Pixels


def mp4(frames: Iterable[Pixels], fps: int, comment: str = "") -> bytes:
    """Encodes frames that browsers play.

    Args:
        frames: (H, W, 3) uint8 RGB, at least one, all of one size, taken one after the other; an
            odd last row or column is repeated, because 4:2:0 chroma wants even sizes.
        fps: Frames per second.
        comment: For the file's metadata.

    Raises:
        StorageProblem: There is no room for the temporary file, or ffmpeg failed.
    """
    ffmpeg: Any = import_module("imageio_ffmpeg")  # 40 ms, and only videos need it

    pictures = map(_even, frames)
    first = next(pictures)  # says how large they are; drawing it may fail, so no file waits yet
    height, width = first.shape[:2]
    noted = ["-metadata", f"comment={comment}"] if comment else []
    try:
        with tempfile.TemporaryDirectory(prefix="loom-") as folder:
            path = Path(folder) / "video.mp4"
            writer: Generator[None, Pixels | None] = ffmpeg.write_frames(
                str(path),
                (width, height),
                fps=fps,
                codec="libx264",
                macro_block_size=1,
                quality=8,
                output_params=["-movflags", "+faststart", *noted],
                ffmpeg_log_level="error",
            )
            with closing(writer):
                writer.send(None)
                for picture in chain([first], pictures):
                    writer.send(np.ascontiguousarray(picture))
            return path.read_bytes()
    except OSError as error:
        raise StorageProblem(f"The video could not be written: {error.strerror}.") from error


def _even(frame: Pixels) -> Pixels:
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
