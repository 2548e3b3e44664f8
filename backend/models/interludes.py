"""What a job changes in a shared model steps aside while another one runs in its middle."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

Interludes = list[Callable[[], AbstractContextManager[None]]]
"""Of a job: entered, the last first, while another job runs in the middle of it."""


@contextmanager
def registered(
    interludes: Interludes | None, pause: Callable[[], AbstractContextManager[None]]
) -> Generator[None]:
    """`pause` is among the interludes while the block lasts."""
    if interludes is None:
        yield
        return
    interludes.append(pause)
    try:
        yield
    finally:
        interludes.remove(pause)
