"""The sound of a clip, which travels among its pictures: requests and results hold nothing else."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

import numpy as np

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels

SOUND = "sound"  # its name there
_HEAD = struct.Struct("<4sQd")  # mark, bytes, seconds
_MARK = b"loom"


@dataclass(frozen=True)
class Sound:
    """A part of a film's sound.

    Attributes:
        content: AAC in ADTS.
        seconds: How long it lasts in the film, at the film's own speed.
    """

    content: bytes
    seconds: float

    def as_picture(self) -> Pixels:
        """(1, n, 3): the bytes in the place of pixels."""
        data = _HEAD.pack(_MARK, len(self.content), self.seconds) + self.content
        flat = np.frombuffer(data + bytes(-len(data) % 3), np.uint8)
        return flat.reshape(1, -1, 3).copy()

    @classmethod
    def of_picture(cls, picture: Pixels) -> Self:
        """The sound that `as_picture` made that of.

        Raises:
            BadInput: It is a picture.
        """
        data = np.ascontiguousarray(picture).tobytes()
        if len(data) < _HEAD.size or not data.startswith(_MARK):
            raise BadInput("The sound of the clip could not be read; send the clip again.", "clip")
        _, size, seconds = _HEAD.unpack_from(data)
        return cls(data[_HEAD.size : _HEAD.size + size], seconds)
