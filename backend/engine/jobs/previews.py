"""A mailbox for preview frames: latest only, pulled, encoded when somebody asks."""

from __future__ import annotations

import asyncio
import io
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.contracts.events import Preview

Frame = NDArray[np.uint8]  # (B, h, w, 3)


@dataclass(frozen=True)
class _Raw:
    revision: int
    step: int
    total: int
    pixels: Callable[[], Frame]  # waits for the device where the frame still travels
    size_px: tuple[int, int]  # (width, height) of one picture as shown
    final: bool


class Mailbox:
    """Holds the newest frame of one job.

    `offer` is called by the worker and costs next to nothing; JPEG encoding happens on the side of
    whoever pulls, once per frame however many pull.
    """

    def __init__(self, quality: int = 80) -> None:
        self._quality = quality
        self._lock = threading.Lock()
        self._encode_lock = threading.Lock()
        self._raw: _Raw | None = None
        self._encoded: Preview | None = None
        self._closed = False
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def offer(
        self,
        pixels: Callable[[], Frame],
        step: int,
        total: int,
        size_px: tuple[int, int],
        *,
        final: bool = False,
    ) -> None:
        """Replaces the frame; `pixels` is called at most once, by the side that pulls."""
        with self._lock:
            revision = 1 if self._raw is None else self._raw.revision + 1
            self._raw = _Raw(revision, step, total, pixels, size_px, final)
            self._wake()

    def close(self) -> None:
        """No frame follows; whoever waits gets an answer at once."""
        with self._lock:
            self._closed = True
            self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for loop, event in waiters:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:  # that loop has ended: its page is gone
                continue

    def latest(self, revision: int) -> Preview | None:
        """The newest frame if it is newer than `revision`; encodes in the calling thread."""
        with self._lock:
            raw = self._raw
        if raw is None or raw.revision <= revision:
            return None
        with self._encode_lock:
            if self._encoded is None or self._encoded.revision < raw.revision:
                jpeg = encode(grid(raw.pixels()), raw.size_px, self._quality)
                self._encoded = Preview(raw.revision, raw.step, raw.total, jpeg, raw.final)
            return self._encoded

    async def next(self, revision: int, timeout_s: float) -> Preview | None:
        """Waits up to `timeout_s` for a frame newer than `revision`, without holding a thread."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            event = asyncio.Event()
            with self._lock:
                fresh = self._raw is not None and self._raw.revision > revision
                if not fresh and self._closed:
                    return None
                if not fresh:
                    self._waiters.append((loop, event))
            if fresh:
                return await asyncio.to_thread(self.latest, revision)
            try:
                await asyncio.wait_for(event.wait(), max(0.0, deadline - loop.time()))
            except TimeoutError:
                with self._lock:
                    self._waiters = [w for w in self._waiters if w[1] is not event]
                return None


def shape_of(count: int) -> tuple[int, int]:
    """(columns, rows) of so many pictures, laid out nearly square."""
    columns = math.ceil(math.sqrt(count))
    return columns, math.ceil(count / columns)


def sheet_px(size_px: tuple[int, int], count: int) -> tuple[int, int]:
    """(width, height) of so many pictures of a size laid out on one sheet."""
    columns, rows = shape_of(count)
    return columns * size_px[0], rows * size_px[1]


def grid(frames: Frame) -> NDArray[np.uint8]:
    """Lays (B, h, w, 3) out as one picture, filled up with the last tone of grey."""
    count, height, width, _ = frames.shape
    if count == 1:
        return frames[0]
    columns, rows = shape_of(count)
    sheet = np.full((rows * height, columns * width, 3), 128, np.uint8)
    for index, frame in enumerate(frames):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + width] = frame
    return sheet


def encode(sheet: NDArray[np.uint8], size_px: tuple[int, int], quality: int) -> bytes:
    """JPEG of a preview, enlarged to at most 512 px a side so that pages need not smooth it."""
    image = Image.fromarray(sheet)
    scale = min(1.0, 512 / max(size_px))
    target = (max(1, round(size_px[0] * scale)), max(1, round(size_px[1] * scale)))
    if image.size != target:
        image = image.resize(target, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
