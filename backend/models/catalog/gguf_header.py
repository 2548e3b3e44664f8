"""The header of a .gguf file, read without its weights.

Format: "GGUF", a version, how many tensors and notes there are, the notes, then each tensor's
name, extents (the innermost first), kind and place; the data begins at the next multiple of the
alignment (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Every text and list is
stepped over by its length, so that reading takes time by the bytes of the header and no more.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.contracts.errors import ModelProblem
from backend.models.catalog.safetensors_header import GGUF, MAX_HEADER_BYTES, Shapes

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_TENSORS, MOST_EXTENTS, LONGEST_NAME = 100_000, 4, 256
_ALIGNMENT, _DEFAULT_ALIGNMENT, _MOST_ALIGNMENT = b"general.alignment", 32, 1 << 16
_RESHAPED = b"comfy.gguf.orig_shape."
"""Before the name of a tensor whose extents the file had to change, a note of the true ones."""
_U32, _I32, _TEXT, _LIST = 4, 5, 8, 9
_SCALARS: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a note that is a number, by its kind."""
PACKINGS: Final = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    30: ("BF16", 1, 2),
}
"""Name, values a block and bytes a block of each way of packing that is read here."""


@dataclass(frozen=True)
class Packed:
    """Where a tensor lies, and how.

    Attributes:
        shape: As torch has it, the outermost extent first.
        packing: Its number in `PACKINGS`.
        start: Of its bytes in the file.
        nbytes: How many there are.
    """

    shape: tuple[int, ...]
    packing: int
    start: int
    nbytes: int


def is_gguf_name(path: Path) -> bool:
    """Whether the name ends in .gguf, in any case."""
    return path.suffix.lower() == GGUF


def read_packed(path: Path) -> dict[str, Packed]:
    """Each tensor in the file.

    Raises:
        ModelProblem: The file is missing, is no GGUF file of version 2 or 3, is cut short or
            damaged, or packs a tensor in a way that is not read here.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ModelProblem(f"{name} is not a GGUF file, or is damaged.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(data, name).read()
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise ModelProblem(f"{name} cannot be read: {reason}.") from None
    except (struct.error, ValueError, UnicodeDecodeError):
        raise ModelProblem(f"{name} is damaged or cut short; copy it again.") from None


def gguf_shapes(path: Path) -> Shapes:
    """Shape of each tensor in the file; raises as `read_packed`."""
    return {name: packed.shape for name, packed in read_packed(path).items()}


class _Reader:
    """Walks through one header."""

    def __init__(self, data: mmap.mmap, name: str) -> None:
        self._data, self._name, self._at = data, name, len(MAGIC)
        self._end = min(len(data), MAX_HEADER_BYTES)
        self._alignment = _DEFAULT_ALIGNMENT
        self._reshaped: dict[bytes, tuple[int, ...]] = {}

    def read(self) -> dict[str, Packed]:
        version = self._number("<I")
        if version not in VERSIONS:
            raise ModelProblem(
                f"{self._name} is a GGUF file of version {version}, which is not read here; "
                "versions 2 and 3 are."
            )
        tensors, notes = self._number("<Q"), self._number("<Q")
        if tensors > MOST_TENSORS:
            raise ValueError
        for _ in range(notes):  # each takes bytes, so that a lie about their number ends soon
            self._note()
        places = [self._place() for _ in range(tensors)]
        begin = -(-self._at // self._alignment) * self._alignment
        found = {
            name: self._packed(name, shape, packing, begin, place)
            for name, shape, packing, place in places
        }
        if len(found) != tensors:
            raise ValueError
        return {name.decode(): packed for name, packed in found.items()}

    def _take(self, count: int) -> int:
        """Steps over so many bytes of the header; where they begin."""
        if count > self._end - self._at:
            raise ValueError
        start, self._at = self._at, self._at + count
        return start

    def _number(self, form: str) -> int:
        return struct.unpack_from(form, self._data, self._take(struct.calcsize(form)))[0]

    def _text(self, longest: int) -> bytes:
        length = self._number("<Q")
        if length > longest:
            raise ValueError
        start = self._take(length)
        return self._data[start : start + length]

    def _note(self) -> None:
        key, kind = self._text(self._end), self._number("<I")
        if key == _ALIGNMENT and kind == _U32:
            self._alignment = self._number("<I")
            if not 0 < self._alignment <= _MOST_ALIGNMENT:
                raise ValueError
        elif kind in _SCALARS:
            self._take(_SCALARS[kind])
        elif kind == _TEXT:
            self._take(self._number("<Q"))
        elif kind == _LIST:
            self._list(key)
        else:
            raise ValueError

    def _list(self, key: bytes) -> None:
        kind, count = self._number("<I"), self._number("<Q")
        if key.startswith(_RESHAPED) and kind in (_U32, _I32) and count <= MOST_EXTENTS:
            extents = tuple(self._number("<I") for _ in range(count))
            self._reshaped[key.removeprefix(_RESHAPED)] = extents
        elif kind in _SCALARS:
            self._take(_SCALARS[kind] * count)
        elif kind == _TEXT:
            for _ in range(count):  # each takes bytes
                self._take(self._number("<Q"))
        else:  # lists of lists, which no model has
            raise ValueError

    def _place(self) -> tuple[bytes, tuple[int, ...], int, int]:
        """Name, shape, kind and place after the beginning of the data."""
        name, count = self._text(LONGEST_NAME), self._number("<I")
        if count > MOST_EXTENTS:
            raise ValueError
        shape = tuple(self._number("<Q") for _ in range(count))[::-1]
        return name, shape, self._number("<I"), self._number("<Q")

    def _packed(
        self, name: bytes, shape: tuple[int, ...], packing: int, begin: int, place: int
    ) -> Packed:
        if packing not in PACKINGS:
            known = ", ".join(title for title, _, _ in PACKINGS.values())
            raise ModelProblem(
                f"{self._name} packs '{name.decode(errors='replace')}' in a way (number {packing}) "
                f"that is not read here; take a file of one of these: {known}."
            )
        _, block, nbytes = PACKINGS[packing]
        values = math.prod(shape)
        if not shape or values % block or shape[-1] % block or place % self._alignment:
            raise ValueError
        nbytes *= values // block
        if begin + place + nbytes > len(self._data):
            raise ValueError
        true = self._reshaped.get(name, shape)
        if math.prod(true) != values:
            raise ValueError
        return Packed(true, packing, begin + place, nbytes)
