"""What one request may take once it is unpacked: bytes, whatever holds them."""

from __future__ import annotations

from backend.contracts.errors import BadInput

REQUEST_BYTES = 600 * 2**20


class Budget:
    """Counts what a request has made this process hold; asked before anything is unpacked.

    Args:
        limit_bytes: All that the request's files may take, packed and unpacked together.
    """

    def __init__(self, limit_bytes: int = REQUEST_BYTES) -> None:
        self._limit = self._left = limit_bytes

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
        self._left -= amount_bytes
