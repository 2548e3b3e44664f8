"""Films (mp4, webm, ...) by the ffmpeg that imageio-ffmpeg carries, in a process of its own.

The container is named to ffmpeg after the file's first bytes, so that none of its formats that
refer to other files or addresses is ever tried.
"""

from __future__ import annotations

import math
import re
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np

from backend.contracts.clip import MOST_FRAMES, Clip, Cut, too_many
from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.pictures.budget import Budget

Kind = Literal["mov", "matroska", "avi"]
MOST_BYTES = 384 * 2**20  # of all frames: where they would take more, each is made smaller
MOST_PIXELS = 2**26  # of a frame as it lies in the file: 8K has half of that
LONGEST_S = 120  # that decoding may take
STANDARD_FPS = 25.0  # of films that say nothing of it
MOST_FPS = 1000


def kind_of(data: bytes) -> Kind | None:
    """The container that the first bytes tell of; None where it is no film."""
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "mov"
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if data.startswith(b"RIFF") and data[8:12] == b"AVI ":
        return "avi"
    return None


@dataclass(frozen=True)
class _Facts:
    """What the header says.

    Attributes:
        fps: Of the film; frames that come at uneven times are brought to it.
        frames: How many there are; None where the header does not say.
        size: (width, height), px.
    """

    fps: float
    frames: int | None
    size: tuple[int, int]


def read(data: bytes, kind: Kind, cut: Cut, budget: Budget) -> Clip:
    """Reads the frames that a cut takes; arguments and errors as in `read_clip`.

    A damaged tail leaves the frames before it.
    """
    with tempfile.TemporaryDirectory(prefix="loom-") as folder:
        path = Path(folder) / "clip"
        path.write_bytes(data)
        facts = _facts(path, kind)
        if facts.frames is not None:
            cut.check(facts.frames)
        frames = _frames(path, kind, cut, facts, budget)
    if not frames:
        raise BadInput(
            f"No frame of the clip could be read from frame {cut.first} on; it may be shorter than "
            "its header says, or damaged.",
            "clip",
        )
    if len(frames) > MOST_FRAMES:
        raise too_many(len(frames), cut.every, at_least=True)
    return Clip(frames, facts.fps / cut.every)


def length(data: bytes, kind: Kind) -> int | None:
    """How many frames the header says there are.

    Raises:
        BadInput: It holds no video.
    """
    with tempfile.TemporaryDirectory(prefix="loom-") as folder:
        path = Path(folder) / "clip"
        path.write_bytes(data)
        return _facts(path, kind).frames


def speed(path: Path, kind: Kind) -> float:
    """Its frames a second; raises as `length`."""
    return _facts(path, kind).fps


def _facts(path: Path, kind: Kind) -> _Facts:
    told = run_ffmpeg("-hide_banner", *given(kind), "-i", str(path)).stderr.decode(errors="replace")
    streams = (line for line in told.splitlines() if line.strip().startswith("Stream #0:"))
    video = next((line for line in streams if " Video: " in line), None)
    size = video and re.search(r"[ ,](\d{1,6})x(\d{1,6})[ ,]", f"{video},")
    if not video or not size:
        raise BadInput(
            "This file holds no video that can be read; send an mp4, webm or GIF, or a zip of "
            "pictures.",
            "clip",
        )
    said = re.search(r"([\d.]+)(k?) fps", video)
    fps = float(said[1]) * (1000 if said[2] else 1) if said else 0.0
    fps = fps if 0 < fps <= MOST_FPS else STANDARD_FPS
    length = re.search(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", told)
    count = None
    if length:
        seconds = 3600 * int(length[1]) + 60 * int(length[2]) + float(length[3])
        count = max(1, round(seconds * fps))
    return _Facts(fps, count, (int(size[1]), int(size[2])))


def run_ffmpeg(*options: str) -> subprocess.CompletedProcess[bytes]:
    """Runs it to its end.

    Raises:
        BadInput: It took too long.
    """
    carried: Any = import_module("imageio_ffmpeg")  # 40 ms, and only films need it
    command = [carried.get_ffmpeg_exe(), "-nostdin", *options]
    try:
        return subprocess.run(command, capture_output=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise BadInput(
            f"Reading the clip took longer than {LONGEST_S} s; send a shorter or smaller one.",
            "clip",
        ) from None


def _frames(path: Path, kind: Kind, cut: Cut, facts: _Facts, budget: Budget) -> tuple[Pixels, ...]:
    width, height = facts.size
    length = facts.frames if cut.last is None else cut.last + 1
    most = MOST_FRAMES + 1
    if length is not None:  # headers round, and some are wrong by a little
        most = min(most, cut.count(length) + cut.count(length) // 4 + 4)
    whole = most * width * height * 3
    scale = min(1.0, math.sqrt(MOST_BYTES / whole))
    budget.take(round(whole * scale**2), "clip")
    last = f"*lte(n,{cut.last})" if cut.last is not None else ""
    chosen = f"gte(n,{cut.first}){last}*not(mod(n-{cut.first},{cut.every}))"
    filters = [f"fps={facts.fps:.6f}", f"select='{chosen}'"]
    if scale < 1:
        filters.append(
            f"scale='max(2,trunc(iw*{scale:.6f}))':'max(2,trunc(ih*{scale:.6f}))':flags=area"
        )
    done = run_ffmpeg(
        "-loglevel", "error", *given(kind), "-i", str(path),
        "-map", "0:v:0", "-an", "-sn", "-dn", "-vf", ",".join(filters), "-fps_mode", "passthrough",
        "-frames:v", str(most), "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "-",
    )  # fmt: skip
    return _pictures(done.stdout)


def given(kind: Kind) -> list[str]:
    """What ffmpeg is told of a file before it is opened."""
    return ["-f", kind, "-max_pixels", str(MOST_PIXELS)]


def _pictures(stream: bytes) -> tuple[Pixels, ...]:
    """The pictures of a stream of binary PPMs; an unfinished last one is left out.

    Where a film changes its size on the way, ffmpeg brings all of it to the first one.
    """
    found: list[Pixels] = []
    at = 0
    while stream[at : at + 2] == b"P6":
        _, size, _ = (head := stream[at : at + 64].split(b"\n", 3))[:3]
        width, height = map(int, size.split())
        begin = at + sum(len(line) + 1 for line in head[:3])
        at = begin + width * height * 3
        if at > len(stream):
            break
        flat = np.frombuffer(stream, np.uint8, width * height * 3, begin)
        found.append(flat.reshape(height, width, 3).copy())
    return tuple(found)
