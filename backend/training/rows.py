"""Several LoRAs fitted at once: each row of the batch has a picture and a LoRA of its own.

The rows do not touch each other, so each LoRA is the one that `training.lora.fit` gives with
batch size 1, the same seed and no noise offset, at about the time of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from backend.contracts.errors import NumericalProblem
from backend.contracts.holdings import Holding
from backend.models.checkpoint import Checkpoint
from backend.models.lora.file import LowRank
from backend.models.memory.devices import place_of
from backend.models.patches import Detour, Needs, PatchStack
from backend.models.tensors import backward, named_modules
from backend.models.text.clip import Conditioning
from backend.training.adapter import ATTENTION
from backend.training.lora import Example
from backend.training.recipe import Noising, adamw, mixed, taken

MAX_NORM = 1.0
Deltas = dict[str, LowRank]
"""By path, "unet.<module>": float32 on the CPU."""


class RowAdapters:
    """LoRA layers on every attention of a UNet, one LoRA for each row of the batch: a patch.

    Args:
        unet: Frozen.
        rows: How many LoRAs.
        rank: r; the scale alpha / r is 1.
        seed: Of the first weights, the same for all.
        patches: Of the checkpoint that the UNet is a part of.
    """

    def __init__(
        self, unet: nn.Module, rows: int, rank: int, seed: int, patches: PatchStack
    ) -> None:
        self._unet, self._patches = unet, patches
        self._layers = {
            name: module
            for name, module in named_modules(unet)
            if isinstance(module, nn.Linear) and name.endswith(tuple(f".{t}" for t in ATTENTION))
        }
        generator = torch.Generator().manual_seed(seed)
        self.down: dict[str, nn.Parameter] = {}
        self.up: dict[str, nn.Parameter] = {}
        for name, layer in self._layers.items():
            device = layer.weight.device
            first = torch.randn(rank, layer.in_features, generator=generator) / rank
            self.down[name] = nn.Parameter(first.repeat(rows, 1, 1).to(device))
            self.up[name] = nn.Parameter(torch.zeros(rows, layer.out_features, rank, device=device))

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What is fitted: (rows, r, in) and (rows, out, r)."""
        return [*self.down.values(), *self.up.values()]

    @property
    def needs(self) -> Needs:
        """Plain calls with a sample a row, and weights that stay under the layers."""
        return Needs(whole_batch=True, eager=True, in_place=True)

    def holdings(self) -> tuple[Holding, ...]:
        """The factors that are fitted."""
        place = place_of(self.parameters[0].device)
        return (Holding("LoRAs being fitted", place, sum(p.nbytes for p in self.parameters)),)

    @contextmanager
    def installed(self) -> Generator[None]:
        """The layers in force, for batches of exactly one sample a row."""
        detours: list[Detour] = []
        try:
            for name, layer in self._layers.items():
                detours.append(Detour(layer, self._path(name, layer.forward)))
            with self._patches.under(self, self._unet):
                yield
        finally:
            for detour in reversed(detours):
                detour.end()

    def _path(
        self, name: str, plain: Callable[[torch.Tensor], torch.Tensor]
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        down, up = self.down[name], self.up[name]

        def forward(input: torch.Tensor) -> torch.Tensor:
            low = torch.bmm(input.to(down.dtype), down.mT)
            return plain(input) + torch.bmm(low, up.mT).to(input.dtype)

        return forward

    def deltas(self, row: int) -> Deltas:
        """The LoRA of a row."""
        return {
            f"unet.{name}": LowRank(
                self.down[name][row].detach().cpu().clone(),
                self.up[name][row].detach().cpu().clone(),
                1.0,
            )
            for name in self._layers
        }

    def clip(self) -> torch.Tensor:
        """Brings each row's gradient to the norm 1 where it is longer; returns the norms."""
        grads = [p.grad for p in self.parameters if p.grad is not None]
        squares = [grad.float().flatten(1).square().sum(dim=1) for grad in grads]
        norms = torch.stack(squares).sum(dim=0).sqrt()
        factor = (MAX_NORM / (norms + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(factor[:, None, None])
        return norms


@dataclass(frozen=True)
class RowStep:
    """After an optimizer step: steps done, steps in all."""

    step: int
    total: int


def fit_rows(
    model: Checkpoint,
    examples: Sequence[Example],
    adapters: RowAdapters,
    *,
    steps: int,
    learning_rate: float,
    seed: int,
    check: Callable[[], None],
) -> Generator[RowStep, None, tuple[Deltas, ...]]:
    """Fits one LoRA to each picture; `adapters` are in force while it runs.

    Args:
        model: Its UNet is frozen.
        examples: One a row, latents of one size.
        adapters: Of as many rows; changed in place.
        steps: Optimizer steps.
        learning_rate: Of AdamW.
        seed: Of noise and timesteps, the same for every row.
        check: Called before each model call; raises to stop.

    Returns:
        The LoRA of each row.

    Raises:
        NumericalProblem: A loss is not finite.
    """
    unet: Any = model.network.model
    optimizer = adamw(adapters.parameters, learning_rate)
    noising = Noising(model.scheduler_config)
    latents = torch.cat([example.latent for example in examples])
    prompts = Conditioning.cat([example.context for example in examples])
    context = prompts.context.to(unet.device, unet.dtype)
    network: Any = model.network
    added = network.added(prompts.pooled, latents.to(unet.device))
    for step in range(steps):
        check()
        optimizer.zero_grad(set_to_none=True)
        generator = torch.Generator().manual_seed(mixed(seed, "noise", step))
        timestep = noising.drawn((1,), generator).expand(len(latents))
        noise = torch.randn(latents[:1].shape, generator=generator).expand_as(latents)
        noisy = noising.add(latents, noise, timestep)
        target = noising.target(model.network.prediction_type, latents, noise, timestep)
        with torch.enable_grad():
            output = unet(
                noisy.to(unet.device, unet.dtype),
                timestep.to(unet.device),
                encoder_hidden_states=context,
                added_cond_kwargs=added,
                return_dict=False,
            )[0].float()
            # A sum over rows: each LoRA has the gradient that it would have alone.
            loss = (output - target.to(unet.device)).square().mean(dim=(1, 2, 3)).sum()
            backward(loss)
        if not math.isfinite(float(adapters.clip().sum())):
            raise NumericalProblem("The fit came out as not-a-number; lower the learning rate.")
        taken(optimizer)
        yield RowStep(step + 1, steps)
    return tuple(adapters.deltas(row) for row in range(len(examples)))
