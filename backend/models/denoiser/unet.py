"""UNet: from its eps or v output to a denoiser, adapted once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast, get_args

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn

from backend.contracts.errors import ModelProblem
from backend.models.denoiser.batch_split import Together
from backend.models.denoiser.compiled import Compiled
from backend.models.denoiser.learned import prediction_of
from backend.models.denoiser.unet_blocks import blocks_of
from backend.models.memory.block_offload import device_of
from backend.models.memory.devices import CompileKind
from backend.models.patches import PatchStack
from backend.models.text.clip import Conditioning
from backend.sampling.config import TrainedTo
from backend.sampling.denoiser import adapt
from backend.sampling.types import Denoiser, Spread


class Residuals(NamedTuple):
    """What a ControlNet adds inside the UNet.

    Attributes:
        down: One tensor for each skip connection.
        mid: For the middle block.
    """

    down: tuple[torch.Tensor, ...]
    mid: torch.Tensor

    def of(self, rows: slice) -> Residuals:
        """Those of some rows of the batch."""
        return Residuals(tuple(part[rows] for part in self.down), self.mid[rows])


Added = dict[str, torch.Tensor]
"""Further conditions by diffusers' names, a row for each sample."""

Conditions = Callable[[torch.Tensor | None, torch.Tensor], Added]
"""(pooled prompts (B, P), latents (B, C, h, w)) -> what a UNet is told besides, on their device."""

ResidualHook = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Added | None], Residuals | None]
"""(scaled x (B, C, h, w), timestep (B,), context (B, 77 k, D), added) -> Residuals or None."""


class _Inputs(NamedTuple):
    """Of one model call."""

    scaled: torch.Tensor
    timestep: torch.Tensor
    context: torch.Tensor
    added: Added | None
    extra: Residuals | None
    labels: torch.Tensor | None

    def of(self, rows: slice) -> _Inputs:
        """Those of some rows of the batch."""
        added = self.added
        return _Inputs(
            self.scaled[rows],
            self.timestep[rows],
            self.context[rows],
            None if added is None else {name: value[rows] for name, value in added.items()},
            None if self.extra is None else self.extra.of(rows),
            None if self.labels is None else self.labels[rows],
        )


class Unet:
    """A UNet and what its output means."""

    def __init__(
        self,
        model: UNet2DConditionModel,
        prediction_type: str,
        conditions: Conditions | None = None,
        compiled: CompileKind = "off",
        patches: PatchStack | None = None,
        spread: Spread | None = None,
    ) -> None:
        """Wraps `model`, which is in evaluation mode.

        Args:
            model: The UNet.
            prediction_type: What its output means.
            conditions: What it is told beside the prompt's context; None for nothing.
            compiled: How it is called.
            patches: Of the checkpoint that it is a part of; None where it stands alone.
            spread: Where its variance is left, if it tells one.

        Raises:
            ModelProblem: `prediction_type` is none of epsilon, v_prediction, sample.
        """
        if prediction_type not in get_args(TrainedTo):
            raise ModelProblem(
                f"The scheduler's config asks for prediction type '{prediction_type[:40]}', which "
                f"is unknown; supported: {', '.join(get_args(TrainedTo))}."
            )
        self.model = model
        self.prediction_type: TrainedTo = cast(TrainedTo, prediction_type)
        self.in_channels: int = model.config["in_channels"]
        self._conditions = conditions
        self._spread = spread
        self.patches = patches or PatchStack()
        self._compiled = Compiled(model, compiled, self.patches)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """What it holds in memory, by the name that LoRA files use."""
        return {"unet": self.model}

    @property
    def blocks(self) -> Mapping[str, Sequence[nn.Module]]:
        """Those of the UNet, in the order of their calls."""
        return {"unet": blocks_of(self.model)}

    def added(self, pooled: torch.Tensor | None, latents: torch.Tensor) -> Added | None:
        """What it is told beside the prompt's context; None where that is nothing.

        Args:
            pooled: (B, P), a row for each sample.
            latents: (B, C, h, w), for their size and device.
        """
        if self._conditions is None:
            return None
        return self._conditions(pooled, latents)

    def denoiser(
        self,
        conditioning: Sequence[Conditioning],
        check: Callable[[], None] | None = None,
        residuals: ResidualHook | None = None,
        channels: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> Denoiser:
        """Makes `(x, level) -> x0` for a fixed conditioning.

        x: (B, C, h, w) = alpha x0 + sigma eps; B is the sum of the conditionings' batches, so
        [negative, positive] takes a batch of both, or a multiple of it: each row of the
        conditioning then stands for as many samples in succession. x0 is float32. The caller
        decides on gradients; the weights never need any.

        Args:
            conditioning: One or several, stacked along the batch in order.
            check: Called before each model call; raises to stop the run.
            residuals: Called before each model call for what a ControlNet adds.
            channels: (b, c, h, w), what the model sees beside x: mask and masked latents, or the
                picture that it enlarges. Tiled where B is a multiple of b.
            labels: (b,) integers, the model's class labels; tiled likewise.
        """
        dtype = self.model.dtype
        stacked = Conditioning.cat(conditioning)
        device = device_of(self.patches, self.model)
        context = stacked.context.to(device, dtype)
        pooled = None if stacked.pooled is None else stacked.pooled.to(device, dtype)
        conditions: dict[torch.Size, Added | None] = {}
        together = Together()

        def predict(scaled: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
            times, rest = divmod(len(scaled), len(context))
            if rest or not times:
                raise ValueError(f"x has a batch of {len(scaled)}, the conditioning {len(context)}")
            rows = context if times == 1 else context.repeat_interleave(times, dim=0)
            if scaled.shape not in conditions:  # built once, not at every step
                own = pooled if pooled is None else pooled.repeat_interleave(times, dim=0)
                conditions[scaled.shape] = self.added(own, scaled)
            added = conditions[scaled.shape]
            if check is not None:
                check()
            width = scaled.shape[1]
            scaled = scaled.to(dtype)
            timestep = timestep.float().to(scaled.device, non_blocking=True)
            extra = None
            if residuals is not None:
                extra = together.again(partial(residuals, scaled, timestep, rows, added))
            if channels is not None:
                beside = channels.to(scaled).repeat(len(scaled) // len(channels), 1, 1, 1)
                scaled = torch.cat([scaled, beside], dim=1)
            told = None if labels is None else labels.to(scaled.device, non_blocking=True)
            if told is not None:
                told = told.repeat(len(scaled) // len(told))
            inputs = _Inputs(scaled, timestep, rows, added, extra, told)
            if self.patches.needs(self.model).whole_batch:
                made = self._output(inputs)
            else:
                made = together.in_parts(len(scaled), lambda part: self._output(inputs.of(part)))
            return prediction_of(made, width, self._spread, len(conditioning))

        return adapt(predict, self.prediction_type)

    def _output(self, inputs: _Inputs) -> torch.Tensor:
        extra = inputs.extra
        made = self._compiled(
            inputs.scaled,
            inputs.timestep,
            encoder_hidden_states=inputs.context,
            added_cond_kwargs=inputs.added,
            class_labels=inputs.labels,
            return_dict=False,
            down_block_additional_residuals=extra.down if extra is not None else None,
            mid_block_additional_residual=extra.mid if extra is not None else None,
        )[0]
        # A copy: a CUDA graph writes the next output into the same memory.
        return made.to(torch.float32, copy=True)
