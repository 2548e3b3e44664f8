"""Addresses of finished pictures that open to whoever has them, and only for a while."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args
from urllib.parse import quote

from ui.openai.payloads import Format

LASTS_S = 3600  # as there
_FORMATS: dict[str, Format] = {kind: kind for kind in get_args(Format)}


@dataclass(frozen=True)
class Linked:
    """What an address stands for.

    Attributes:
        token: Of the job.
        index: Of its picture.
        format: That it is sent in.
    """

    token: str
    index: int
    format: Format


class Links:
    """Makes such addresses, and reads them.

    Args:
        key: Signs them.
        clock: Seconds since 1970.
    """

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = hashlib.blake2b(b"picture links", key=key[:64]).digest()
        self._clock = clock

    def of(self, linked: Linked) -> str:
        """The part of the address behind the folder of files, with its query."""
        ends = int(self._clock()) + LASTS_S
        name = f"{quote(linked.token, safe='')}/{linked.index}.{linked.format}"
        return f"{name}?expires={ends}&signature={self._signed(linked, ends)}"

    def read(self, token: str, name: str, expires: str, signature: str) -> Linked | None:
        """What a request for such an address means; None where it is not ours, or over."""
        index, _, kind = name.partition(".")
        found = _FORMATS.get(kind)
        if found is None or not (index.isdecimal() and expires.isdecimal()):
            return None
        if len(index) > 4 or len(expires) > 12:
            return None
        linked = Linked(token, int(index), found)
        right = hmac.compare_digest(
            self._signed(linked, int(expires)).encode(), signature.encode("utf-8", "replace")
        )
        return linked if right and self._clock() < int(expires) else None

    def _signed(self, linked: Linked, ends: int) -> str:
        said = "\0".join((linked.token, str(linked.index), linked.format, str(ends)))
        return hmac.new(self._key, said.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:40]
