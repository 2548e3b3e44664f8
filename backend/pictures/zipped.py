"""The pictures of a zip as files, in the order of their names: what is declared is checked before
anything is unpacked, and what is unpacked is bounded, whatever was declared.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import PurePosixPath

from backend.contracts.errors import BadInput
from backend.pictures.budget import Budget
from backend.pictures.decode import MAX_FILE_BYTES

MOST_FILES = 20_000
_LISTED = b"PK\x01\x02"  # begins each entry of a zip's list
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".gif"})


def archive_of(data: bytes) -> zipfile.ZipFile:
    """Opens a zip of a sound number of files; close it after use.

    Raises:
        BadInput: It lists far too many: each takes half a kilobyte before one can be asked for.
        zipfile.BadZipFile: It is none.
    """
    if data.count(_LISTED) > MOST_FILES:
        raise BadInput(f"The zip holds more than {MOST_FILES} files; pack fewer.", "file")
    return zipfile.ZipFile(io.BytesIO(data))


def pictures_in(data: bytes, most: int, budget: Budget) -> list[tuple[str, bytes]]:
    """Name, without folders, and content of each picture; other files are passed over.

    Args:
        data: The zip.
        most: How many it may hold.
        budget: What they may take unpacked.

    Raises:
        BadInput: It holds none or too many, one is too large, or it cannot be read.
    """
    try:
        with archive_of(data) as archive:
            entries = sorted(filter(_is_picture, archive.infolist()), key=order)
            if not entries:
                raise BadInput("The zip holds no pictures.", "file")
            if len(entries) > most:
                raise BadInput(
                    f"A batch takes {most} pictures; the zip holds {len(entries)}.", "file"
                )
            for entry in entries:
                name = PurePosixPath(entry.filename).name[:60]
                if entry.file_size > MAX_FILE_BYTES:
                    raise BadInput(f"'{name}' in the zip is too large.", "file")
                budget.take(entry.file_size, "file")
            return [(PurePosixPath(e.filename).name, _content(archive, e)) for e in entries]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError):
        # RuntimeError: it is encrypted; NotImplementedError: packed in a way that is not known.
        raise BadInput(
            "The zip cannot be read; pack the pictures again, without a password.", "file"
        ) from None


def order(entry: zipfile.ZipInfo) -> list[tuple[int, str]]:
    """Digits by their value, so that 10 comes after 9; what is left alike by the name itself."""
    parts = re.findall(r"\d{1,18}|\D+|\d", entry.filename)
    key = [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in parts]
    return [*key, (-2, entry.filename)]


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        return file.read(entry.file_size)


def _is_picture(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not entry.is_dir() and not hidden and path.suffix.lower() in SUFFIXES
