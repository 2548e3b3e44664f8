"""Flow transformers: from the velocity that they predict to a denoiser, adapted once.

What tells one from another, how latents, prompt and time are put to it, is its `Asking`; each
family brings its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from backend.models.denoiser.batch_split import Together
from backend.models.denoiser.compiled import Compiled
from backend.models.denoiser.unet import ResidualHook
from backend.models.memory.block_offload import device_of
from backend.models.memory.devices import CompileKind
from backend.models.patches import PatchStack
from backend.models.text.conditioning import Conditioning
from backend.sampling.denoiser import Prediction, adapt
from backend.sampling.types import Denoiser


class Asked(NamedTuple):
    """Of one model call, a row for each sample, on the model's device.

    Attributes:
        x: (B, C, h, w) in the model's dtype, (1 - t) x0 + t eps.
        timestep: (B,) float32, t times the training's timesteps.
        prompts: In the model's dtype.
        guidance: What the model is told of guidance; None where it is told nothing.
    """

    x: torch.Tensor
    timestep: torch.Tensor
    prompts: Conditioning
    guidance: float | None

    def of(self, rows: slice) -> Asked:
        """Some rows of the batch."""
        return Asked(self.x[rows], self.timestep[rows], self.prompts[rows], self.guidance)


Asking = Callable[[Callable[..., Any], Asked], torch.Tensor]
"""(the model, perhaps compiled; what it is asked) -> the velocity eps - x0, (B, C, h, w)."""


class FlowTransformer:
    """A transformer that predicts velocities."""

    def __init__(
        self,
        model: nn.Module,
        asking: Asking,
        channels: int,
        blocks: Sequence[nn.Module],
        *,
        guidance: float | None = None,
        compiled: CompileKind = "off",
        patches: PatchStack | None = None,
    ) -> None:
        """Wraps `model`, which is in evaluation mode.

        Args:
            model: The transformer.
            asking: How it is called.
            channels: Of the latents.
            blocks: What it calls one after the other.
            guidance: What it is told of guidance where nobody says; None where it is told nothing.
            compiled: How it is called.
            patches: Of the checkpoint that it is a part of; None where it stands alone.
        """
        self.model = model
        self.prediction_type: Prediction = "flow_prediction"
        self.in_channels = channels
        self._asking, self._blocks = asking, tuple(blocks)
        self._guidance = guidance
        self.patches = patches or PatchStack()
        self._compiled = Compiled(model, compiled, self.patches)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """What it holds in memory, by the name that LoRA files use."""
        return {"transformer": self.model}

    @property
    def blocks(self) -> Mapping[str, Sequence[nn.Module]]:
        """Its blocks, in the order of their calls."""
        return {"transformer": self._blocks}

    @contextmanager
    def told(self, guidance: float) -> Generator[None]:
        """Calls inside are told that guidance; without effect where it is told none."""
        before = self._guidance
        self._guidance = None if before is None else guidance
        try:
            yield
        finally:
            self._guidance = before

    def denoiser(
        self,
        conditioning: Sequence[Conditioning],
        check: Callable[[], None] | None = None,
        residuals: ResidualHook | None = None,
        channels: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> Denoiser:
        """See `Network.denoiser`; it is shown x and the prompt alone."""
        if residuals is not None or channels is not None:
            raise ValueError("this network sees nothing but x and the prompt")
        weight = next(self.model.parameters())
        device, dtype = device_of(self.patches, self.model), weight.dtype
        stacked = Conditioning.cat(conditioning).to(device, dtype)
        repeated: dict[int, Conditioning] = {1: stacked}
        together = Together()

        def predict(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
            times, rest = divmod(len(x), len(stacked))
            if rest or not times:
                raise ValueError(f"x has a batch of {len(x)}, the conditioning {len(stacked)}")
            if times not in repeated:  # once, not at every step
                repeated[times] = stacked.repeat(times)
            if check is not None:
                check()
            told = timestep.float().to(x.device, non_blocking=True)
            asked = Asked(x.to(dtype), told, repeated[times], self._guidance)
            if self.patches.needs(self.model).whole_batch:
                return self._output(asked)
            return together.in_parts(len(x), lambda part: self._output(asked.of(part)))

        return adapt(predict, self.prediction_type)

    def _output(self, asked: Asked) -> torch.Tensor:
        # A copy: a CUDA graph writes the next output into the same memory.
        return self._asking(self._compiled, asked).to(torch.float32, copy=True)
