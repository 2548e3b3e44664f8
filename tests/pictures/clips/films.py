"""Films and animations made on the spot, for tests of reading them."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image

from backend.contracts.events import Pixels


def grey(index: int, width: int = 32, height: int = 24) -> Pixels:
    """Frame `index`, told apart by its brightness."""
    return np.full((height, width, 3), 10 + 8 * index, np.uint8)


def frames(count: int, width: int = 32, height: int = 24) -> list[Pixels]:
    return [grey(index, width, height) for index in range(count)]


def numbers(pictures: tuple[Pixels, ...]) -> list[int]:
    """Which frames of `frames` these are."""
    return [round((float(picture.mean()) - 10) / 8) for picture in pictures]


def ffmpeg(folder: Path, name: str, *options: str, stream: bytes = b"") -> bytes:
    """What ffmpeg makes by these options."""
    path = folder / name
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *options, str(path)]
    subprocess.run(command, input=stream, check=True)
    return path.read_bytes()


def film(folder: Path, count: int, *options: str, name: str = "a.mp4", fps: int = 10,
         size: tuple[int, int] = (32, 24)) -> bytes:  # fmt: skip
    """A film of `frames`, lossless as far as its colours go."""
    raw = b"".join(frame.tobytes() for frame in frames(count, *size))
    shape = f"{size[0]}x{size[1]}"
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", shape, "-r", str(fps), "-i", "-"]
    return ffmpeg(folder, name, *given, *options, stream=raw)


def animation(pictures: list[Pixels], kind: str = "GIF", duration: int | list[int] = 50) -> bytes:
    stream = io.BytesIO()
    first, *rest = map(Image.fromarray, pictures)
    first.save(stream, kind, save_all=True, append_images=rest, duration=duration, loop=0)
    return stream.getvalue()


def png(picture: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tone(folder: Path, count: int, *, name: str = "a.mp4", fps: int = 10) -> bytes:
    """A film of `frames` whose first half is silent and whose second one sounds."""
    half = count / fps / 2
    (folder / "mute.mp4").write_bytes(film(folder, count, name="mute.mp4", fps=fps))
    sound = f"sine=frequency=440:duration={2 * half},volume='if(lt(t,{half}),0,1)':eval=frame"
    codec = "libopus" if name.endswith(".webm") else "aac"
    video = "libvpx" if name.endswith(".webm") else "libx264"
    return ffmpeg(folder, name, "-i", str(folder / "mute.mp4"), "-f", "lavfi", "-i", sound,
                  "-c:v", video, "-c:a", codec, "-shortest")  # fmt: skip


def samples(folder: Path, content: bytes) -> np.ndarray:
    """Of a sound, or of a film's: 8,000 a second, in -1..1."""
    path = folder / "heard.bin"
    path.write_bytes(content)
    raw = ffmpeg(folder, "heard.raw", "-i", str(path), "-vn", "-ac", "1", "-ar", "8000",
                 "-f", "s16le")  # fmt: skip
    return np.frombuffer(raw, np.int16) / 32768


def seconds_of(folder: Path, content: bytes) -> float:
    """How long a sound lasts."""
    return len(samples(folder, content)) / 8000


def heard(folder: Path, content: bytes) -> float:
    """How loud it is, as the root of the mean square."""
    return float(np.sqrt((samples(folder, content) ** 2).mean()))
