"""Memory of a device that is not there: who has how much, and when there is none left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from tests.ghost.streams import Stream

PLENTY = 2**40


@dataclass
class Memory:
    """Of all devices.

    Attributes:
        capacity: Bytes of each device.
        refuses: Asked for each allocation, with its number and its bytes; True makes it fail.
        lost: Devices that have fallen off the bus, by number: nothing works there any more.
        allocations: How many there were.
        used: Bytes that are taken now, by device number.
        most: The most that were.
        problems: Orders that only luck has kept, see `Block`.
    """

    capacity: int = PLENTY
    refuses: Callable[[int, int], bool] = lambda number, nbytes: False
    lost: set[int] = field(default_factory=set[int])
    allocations: int = 0
    used: Counter[int] = field(default_factory=Counter[int])
    most: Counter[int] = field(default_factory=Counter[int])
    problems: list[str] = field(default_factory=list[str])

    def take(self, device_index: int, nbytes: int, stream: Stream) -> Block:
        """Memory for a tensor.

        Raises:
            torch.OutOfMemoryError: There is not so much, or it was to fail.
            RuntimeError: The device is lost.
        """
        if device_index in self.lost:
            raise RuntimeError(f"ghost:{device_index} has fallen off the bus")
        self.allocations += 1
        if self.used[device_index] + nbytes > self.capacity or self.refuses(
            self.allocations, nbytes
        ):
            raise torch.OutOfMemoryError(
                f"ghost:{device_index} is out of memory. Tried to allocate {nbytes} bytes."
            )
        self.used[device_index] += nbytes
        self.most[device_index] = max(self.most[device_index], self.used[device_index])
        return Block(self, device_index, nbytes, stream)


class Block:
    """One allocation; the tensors that view it share it.

    A freed block is given to the next call of the stream it was taken on, as CUDA's allocator
    does. Another stream may still read it then, unless it was told by `record_stream`.
    """

    def __init__(self, memory: Memory, device_index: int, nbytes: int, stream: Stream) -> None:
        self._memory, self._device_index, self._nbytes = memory, device_index, nbytes
        self._stream = stream
        self._written = (stream, stream.given)
        self._read: dict[Stream, tuple[int, str]] = {}
        self._recorded: set[Stream] = {stream}

    def read(self, stream: Stream, what: str) -> None:
        """Notes a read, and whether what it reads was there for sure."""
        writer, call = self._written
        if not stream.saw(writer, call):
            self._memory.problems.append(f"{what} reads what another stream has yet to write")
        if stream not in self._recorded:
            self._read[stream] = (stream.given, what)

    def write(self, stream: Stream) -> None:
        """Notes a write."""
        self._written = (stream, stream.given)

    def record(self, stream: Stream) -> None:
        """`Tensor.record_stream`."""
        self._recorded.add(stream)

    def __del__(self) -> None:
        self._memory.used[self._device_index] -= self._nbytes
        for stream, (call, what) in self._read.items():
            done = stream.reached >= call or self._stream.saw(stream, call)
            if stream not in self._recorded and not done:
                self._memory.problems.append(f"{what} may read memory that was given away")
