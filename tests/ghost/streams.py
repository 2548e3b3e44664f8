"""Stand-in streams: they do everything at once, and remember in which order they might have.

Each stream counts what it was given. Whoever reads what another stream has written must have
waited for it (`wait_stream`, or an event), else the order was luck. What is copied to pinned
memory without waiting arrives when somebody waits for it, and not before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class Stream:
    """One queue of one device.

    Attributes:
        device_index: The device's number.
        given: Calls that it was given so far.
        seen: Of each other stream, up to which call this one has waited for it.
        arriving: What is under way to the host: the call's number, and what makes it arrive.
    reached: Up to which call the host has waited for it.
    """

    device_index: int
    given: int = 0
    seen: dict[Stream, int] = field(default_factory=dict)  # pyright: ignore[reportUnknownVariableType]
    arriving: list[tuple[int, Callable[[], None]]] = field(
        default_factory=list[tuple[int, Callable[[], None]]]
    )
    reached: int = 0

    def wait_stream(self, other: Stream) -> None:
        """Goes on only after what the other was given till now."""
        self._saw(other, other.given)

    def wait_event(self, event: Event) -> None:
        """Goes on only after the event."""
        if event.stream is not None:
            self._saw(event.stream, event.given)

    def saw(self, other: Stream, call: int) -> bool:
        """Whether that call of another stream has ended before what comes here next."""
        return other is self or self.seen.get(other, 0) >= call

    def arrive(self, call: int) -> None:
        """Completes what was given up to that call."""
        self.reached = max(self.reached, call)
        due = [item for item in self.arriving if item[0] <= call]
        self.arriving = [item for item in self.arriving if item[0] > call]
        for _, landed in due:
            landed()

    def _saw(self, other: Stream, call: int) -> None:
        self.seen[other] = max(self.seen.get(other, 0), call)
        for stream, known in other.seen.items():
            self.seen[stream] = max(self.seen.get(stream, 0), known)


@dataclass(eq=False)
class Event:
    """A place in a stream."""

    waited: Callable[[str], None]
    stream: Stream | None = None
    given: int = 0

    def record(self, stream: Stream) -> None:
        """Stands behind what the stream was given till now."""
        self.stream, self.given = stream, stream.given

    def synchronize(self) -> None:
        """The host waits for it."""
        self.waited("event.synchronize")
        if self.stream is not None:
            self.stream.arrive(self.given)


class Streams(threading.local):
    """The current stream of each device, in each thread."""

    def __init__(self, defaults: dict[int, Stream]) -> None:
        self.defaults = defaults  # every thread begins on the same ones
        self.chosen: dict[int, Stream] = {}

    def current(self, device_index: int) -> Stream:
        """Where calls go now."""
        if device_index not in self.chosen:
            return self.defaults.setdefault(device_index, Stream(device_index))
        return self.chosen[device_index]

    @contextmanager
    def on(self, stream: Stream) -> Iterator[None]:
        """Calls go to that stream while the context lasts."""
        before = self.chosen.get(stream.device_index)
        self.chosen[stream.device_index] = stream
        try:
            yield
        finally:
            if before is None:
                del self.chosen[stream.device_index]
            else:
                self.chosen[stream.device_index] = before
