"""A ControlNet over the frames of a clip; of each frame a byte a pixel stays on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.contracts.events import Pixels
from backend.models.control.controlnet import ControlNet
from backend.models.memory.block_offload import device_of
from backend.models.tensors import in_torch
from backend.modes.controls import Control
from backend.sampling.guidance import SigmaRange


@dataclass(frozen=True, eq=False)
class Edges:
    """What a ControlNet is shown of each frame.

    Attributes:
        net: Leased for the run.
        greys: (F, 1, H, W) uint8, on its device: 79 MB for 300 frames of 512 px.
    """

    net: ControlNet
    greys: torch.Tensor

    @classmethod
    def of(cls, net: ControlNet, controls: Sequence[Pixels]) -> Edges:
        """From grey control pictures, (H, W, 3) each, of one size."""
        device = device_of(net.patches, net.model)
        greys = [in_torch(control[:, :, 0])[None, None].to(device) for control in controls]
        return cls(net, torch.cat(greys))

    def control(
        self, frames: Sequence[int], scale: float, rows: torch.Tensor | None = None
    ) -> Control:
        """The ControlNet over some frames, in that order; `rows` weighs each, see `Control`."""
        # Neighbours are a view; only where a key frame goes first is something copied.
        first = frames[0]
        if tuple(frames) == tuple(range(first, first + len(frames))):
            hint = self.greys[first : first + len(frames)]
        else:
            hint = torch.cat([self.greys[frame : frame + 1] for frame in frames])
        return Control(self.net, hint, scale, "balanced", SigmaRange(), rows)
