"""Of how many pieces a file is made, told by a quick walk before any parser takes it up.

Pillow goes over chunks, segments and blocks in Python, joins a GIF's comment piece by piece, and
libjpeg goes over all pixels for each scan of a JPEG (which is why libjpeg-turbo advises a limit of
scans): a file of nothing but pieces holds the interpreter, or a core, for minutes.
"""

from __future__ import annotations

import re

from backend.contracts.errors import BadInput

MOST_SCANS = 100  # a progressive JPEG has about ten
MOST_SEGMENTS = 10_000
MOST_CHUNKS = 100_000  # 64 MB in pieces of 4 KB are 16,000
MOST_BLOCKS = 400_000  # 64 MB in full blocks are 260,000
MOST_FRAMES = 10_000
MOST_STRAY_BYTES = 65_536  # between a JPEG's segments, and between a GIF's
MOST_COMMENT_BYTES = 2**20 + 2**16  # a text of a megabyte, with the sizes of its blocks
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def check_pieces(data: bytes) -> None:
    """Refuses a JPEG, PNG or GIF that is cut into far more pieces than any picture is.

    What is none of these, or is damaged, passes: whoever reads it says so.

    Raises:
        BadInput: It is.
    """
    if data.startswith(b"\xff\xd8"):
        sound = _jpeg(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        sound = _png(data)
    elif data.startswith((b"GIF87a", b"GIF89a")):
        sound = _Gif(data).is_sound()
    else:
        return
    if not sound:
        raise BadInput(
            "The file is cut into far more pieces than a picture is; save a copy of it and send "
            "that."
        )


def _jpeg(data: bytes) -> bool:
    at, segments, scans, stray = 2, 0, 0, 0
    while (found := _MARKER.search(data, at)) is not None:
        if not scans:
            stray += found.start() - at
        marker, at = found[0][1], found.end()
        if marker == 0xD9:
            break
        segments += 1
        scans += marker == 0xDA
        if segments > MOST_SEGMENTS or scans > MOST_SCANS or stray > MOST_STRAY_BYTES:
            return False
        if marker not in (0x01, 0xD8):
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return scans > 0 or len(data) - at <= MOST_STRAY_BYTES


def _png(data: bytes) -> bool:
    at, chunks = 8, 0
    while at + 8 <= len(data) and chunks <= MOST_CHUNKS:
        if data[at + 4 : at + 8] == b"IEND":
            break
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        chunks += 1
    return chunks <= MOST_CHUNKS


class _Gif:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._blocks = 0

    def is_sound(self) -> bool:
        data, at, frames, stray = self._data, 13, 0, 0
        at += _colours(data[10:11])
        while at < len(data) and data[at] != 0x3B:
            if data[at] == 0x2C:
                frames += 1
                end = self._end(at + 11 + _colours(data[at + 9 : at + 10]))
            elif data[at] == 0x21:
                end = self._end(at + 2)
                if data[at + 1 : at + 2] == b"\xfe" and end - at > MOST_COMMENT_BYTES:
                    return False
            else:
                stray += 1
                end = at + 1
            if frames > MOST_FRAMES or stray > MOST_STRAY_BYTES or self._blocks > MOST_BLOCKS:
                return False
            at = end
        return True

    def _end(self, at: int) -> int:
        """Where the blocks that begin at `at` are over."""
        data = self._data
        while at < len(data) and self._blocks <= MOST_BLOCKS:
            self._blocks += 1
            size = data[at]
            at += size + 1
            if not size:
                break
        return at


def _colours(flags: bytes) -> int:
    """Bytes of the table of colours that a GIF's flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0
