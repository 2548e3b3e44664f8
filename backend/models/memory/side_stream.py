"""A second queue of a device, for what no step waits for: previews on their way to the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from backend.models.memory.devices import Device


class SideStream:
    """Runs work beside the stream that it is called on, and fetches the result.

    Args:
        device: One with streams.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._stream = device.module.Stream(device.place)

    def fetched(
        self,
        work: Callable[[torch.Tensor], torch.Tensor],
        x: torch.Tensor,
        beside: Sequence[torch.Tensor] = (),
    ) -> Callable[[], torch.Tensor]:
        """Queues the work and the copy of its result to the host; waits for nothing.

        Args:
            work: Reads `x` and `beside`, and no weights that may leave the device meanwhile.
            x: Written by the current stream.
            beside: Whatever else the work reads there.

        Returns:
            What waits for the result: from any thread, as often as one likes.
        """
        module, place = self._device.module, self._device.place
        self._stream.wait_stream(module.current_stream(place))
        with module.stream(self._stream):
            for tensor in (x, *beside):
                # So that its memory is not given away while the side stream may still read it.
                tensor.record_stream(self._stream)
            made = work(x).contiguous()
            host = torch.empty(made.shape, dtype=made.dtype).pin_memory()
            host.copy_(made, non_blocking=True)
            arrived = module.Event()
            arrived.record(self._stream)

        def wait() -> torch.Tensor:
            arrived.synchronize()
            return host

        return wait
