"""A recipe as a short text for the end of an address: compressed JSON in the letters of URLs.

It is what a preset holds, without a name and without pictures, and is checked as one is. The text
comes from strangers: its length and what it unpacks to are bounded before anything is read.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib

from backend.contracts.errors import BadInput
from backend.contracts.settings import Settings
from backend.resolve import documents

MAX_CHARS = 6 * 1024
MAX_JSON_BYTES = 256 * 1024
_LETTERS = re.compile(r"[A-Za-z0-9_-]+")


def encode(settings: Settings) -> str:
    """The recipe as text, at most `MAX_CHARS` of the letters A-Z, a-z, 0-9, - and _.

    Raises:
        BadInput: It does not fit, e.g. because of a very long prompt.
    """
    document = documents.made_of(settings.mode, settings.model_dump(mode="json"))
    content = json.dumps(document, allow_nan=False, separators=(",", ":"))
    text = base64.urlsafe_b64encode(zlib.compress(content.encode(), 9)).decode().rstrip("=")
    if len(text) > MAX_CHARS:
        raise BadInput(
            f"This recipe needs a link of {len(text) / 1024:.1f} KB; a link holds "
            f"{MAX_CHARS // 1024} KB. Shorten the prompts, or pass on a preset or the picture."
        )
    return text


def decode(text: str) -> Settings:
    """The recipe of a link.

    Raises:
        BadInput: It is too long, damaged, from a newer version, or no recipe that can be used.
    """
    try:
        return documents.read(_unpacked(text), "a recipe").settings
    except BadInput as error:
        reason = str(error)[:400].rstrip(".")
        raise BadInput(f"The link's recipe cannot be used: {reason}.") from None


def _unpacked(text: str) -> bytes:
    if len(text) > MAX_CHARS:
        raise BadInput(f"it is longer than {MAX_CHARS // 1024} KB")
    if not _LETTERS.fullmatch(text):
        raise BadInput("it is cut off or damaged")
    unpacker = zlib.decompressobj()
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        content = unpacker.decompress(data, MAX_JSON_BYTES)
    except (binascii.Error, zlib.error, ValueError):
        raise BadInput("it is cut off or damaged") from None
    if unpacker.unconsumed_tail:
        raise BadInput(f"it unpacks to more than {MAX_JSON_BYTES // 1024} KB")
    if not unpacker.eof or unpacker.unused_data:
        raise BadInput("it is cut off or damaged")
    return content
