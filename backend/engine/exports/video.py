"""mp4 (H.264) of a sequence of pictures, by the ffmpeg that imageio-ffmpeg carries."""

from __future__ import annotations

import subprocess
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
from backend.contracts.sound import Sound

MOST_TEMPO = 8.0  # beyond it nothing is understood
SAME_TEMPO = 0.01


def mp4(
    frames: Iterable[Pixels],
    fps: int,
    comment: str = "",
    sound: Sound | None = None,
    seconds: float = 0.0,
) -> bytes:
    """Encodes frames that browsers play.

    Args:
        frames: (H, W, 3) uint8 RGB, at least one, all of one size, taken one after the other; an
            odd last row or column is repeated, because 4:2:0 chroma wants even sizes.
        fps: Frames per second.
        comment: For the file's metadata.
        sound: To be heard beside them, at the speed at which they move.
        seconds: What of the video the sound belongs to, from its start; silence follows.

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
            if sound is not None:
                path = _heard(path, sound, seconds)
            return path.read_bytes()
    except OSError as error:
        raise StorageProblem(f"The video could not be written: {error.strerror}.") from error


def _heard(video: Path, sound: Sound, seconds: float) -> Path:
    """The same video with the sound, its pictures as they are."""
    ffmpeg: Any = import_module("imageio_ffmpeg")
    beside, made = video.with_name("sound.aac"), video.with_name("heard.mp4")
    beside.write_bytes(sound.content)
    tempo = min(MOST_TEMPO, max(1 / MOST_TEMPO, sound.seconds / seconds))
    command = [
        ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-i", str(video),
        "-f", "aac", "-i", str(beside), "-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy",
        "-filter:a", f"{_tempo(tempo)}atrim=end={seconds:.6f},apad", "-c:a", "aac", "-b:a", "128k",
        "-shortest", "-movflags", "+faststart", "-map_metadata", "0", str(made),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise StorageProblem("The sound of the clip could not be written beside its pictures.")
    return made


def _tempo(times: float) -> str:
    """ffmpeg's filter that plays sound so many times as fast, at its own pitch."""
    if abs(times - 1) < SAME_TEMPO:
        return ""
    parts: list[str] = []
    while times > 2 or times < 0.5:  # each filter does that much well
        half = 2.0 if times > 2 else 0.5
        parts.append(f"atempo={half},")
        times /= half
    return "".join(parts) + f"atempo={times:.6f},"


def _even(frame: Pixels) -> Pixels:
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
