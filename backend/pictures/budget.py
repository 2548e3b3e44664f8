"""What one request may take once it is unpacked: bytes, whatever holds them."""

from __future__ import annotations

import threading

from backend.contracts.errors import BadInput

REQUEST_BYTES = 600 * 2**20
IN_ALL_BYTES = 4 * REQUEST_BYTES  # of all requests that are being read


class Pool:
    """What all requests together may take while they are read. Safe from any thread.

    Args:
        limit_bytes: That much.
    """

    def __init__(self, limit_bytes: int = IN_ALL_BYTES) -> None:
        self._left = limit_bytes
        self._lock = threading.Lock()

    def take(self, amount_bytes: int) -> bool:
        """Takes so much, where it is left."""
        with self._lock:
            if amount_bytes > self._left:
                return False
            self._left -= amount_bytes
            return True

    def give_back(self, amount_bytes: int) -> None:
        """It is needed no more."""
        with self._lock:
            self._left += amount_bytes


_EVERYBODYS = Pool()  # of this process, as its memory is


class Budget:
    """Counts what a request has made this process hold; asked before anything is unpacked.

    Args:
        limit_bytes: All that the request's files may take, packed and unpacked together.
        pool: What it takes is taken from this as well, for as long as the budget is held.
    """

    def __init__(self, limit_bytes: int = REQUEST_BYTES, pool: Pool = _EVERYBODYS) -> None:
        self._limit = self._left = limit_bytes
        self._pool = pool

    def __del__(self) -> None:
        """The request is read: what it holds from here on, whoever holds it counts."""
        self._pool.give_back(self._limit - self._left)

    @property
    def left_bytes(self) -> int:
        """What may still be taken."""
        return self._left

    def take(self, amount_bytes: int, field: str = "image") -> None:
        """Takes `amount_bytes`, or refuses before they are there.

        Args:
            field: The settings field that the sentence points at.

        Raises:
            BadInput: So much is not left.
        """
        if amount_bytes > self._left:
            raise BadInput(
                f"What was sent takes more than {self._limit / 2**20:.0f} MiB once it is unpacked; "
                "send fewer or smaller pictures.",
                field,
            )
        if not self._pool.take(amount_bytes):
            raise BadInput(
                "So many pictures are being sent that yours do not fit beside them; try again in a "
                "moment.",
                field,
            )
        self._left -= amount_bytes
