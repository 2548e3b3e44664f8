"""The noise that a reference stands in: one draw at all levels, or what DDIM turns into it."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

import torch

from backend.contracts.fields import affecting
from backend.contracts.settings import Settings
from backend.models.memory.devices import Device
from backend.modes.end_cache import content_key
from backend.modes.run import Inverted, Run, drive
from backend.modes.stage import Stage, make_schedule
from backend.modes.watching import Counted
from backend.sampling.inversion import REFINEMENTS
from backend.sampling.noise import SeededNoise
from backend.sampling.types import Level

NOISE_SEED = 2**63 + 0x5EED
"""The same for every run, so that a picture of a batch is the one that it is alone."""


@dataclass(frozen=True, eq=False)
class Grain:
    """What noise a picture stands in.

    Attributes:
        levels: sigma / alpha, rising.
        noise: (n, C, h, w), at each of them; in between they are mixed.
    """

    levels: tuple[float, ...]
    noise: torch.Tensor

    def at(self, level: Level) -> torch.Tensor:
        """(1, C, h, w), x being alpha x0 + sigma times this."""
        value = level.value
        if value is None:  # samples of several levels share a call; the first one's
            value = float(level.sigma[0] / level.alpha[0])
        after = min(bisect_left(self.levels, value), len(self.levels) - 1)
        before = max(0, after - 1)
        low, high = self.levels[before], self.levels[after]
        share = 1.0 if high == low else min(1.0, max(0.0, (value - low) / (high - low)))
        return torch.lerp(self.noise[before : before + 1], self.noise[after : after + 1], share)


def grain_of(stage: Stage[Settings], known: torch.Tensor, *, inverted: bool) -> Grain:
    """That of a reference.

    Args:
        stage: Whose model and steps.
        known: (1, C, h, w), its latents.
        inverted: Noise that DDIM turns into it, found without words and without guidance.
    """
    if inverted:
        return _path(stage, known)
    channels, height, width = known.shape[1:]
    device = known.device
    shape = (channels, height, width)
    noise = SeededNoise([NOISE_SEED], shape, device, pinned=Device(device).pins)
    return Grain((math.inf,), noise.draw())


def _path(stage: Stage[Settings], known: torch.Tensor) -> Grain:
    """The way up the levels of as many steps of DDIM; kept by content."""
    settings, model, context = stage.settings, stage.model, stage.context
    ways = settings.model_copy(update={"sampler": "ddim", "schedule": "model"})
    schedule = make_schedule(ways, model)
    key = content_key(
        "reference",
        known,
        model.info.path,
        model.hash,
        model.target.dtype_name,
        affecting(ways, "network", "levels"),
        settings.acting_loras,
    )
    path = context.ends.get(key, torch.Tensor)
    if path is None:
        text = model.text.encode([""], settings.clip_skip, "")
        found: list[torch.Tensor] = []

        def walk() -> Inverted:
            alone = model.network.denoiser([text], context.check, channels=beside(stage, known))
            return Inverted(alone, known, schedule, REFINEMENTS)

        watch = Counted(context, "inverting", schedule.steps)
        drive(Run(walk, watch, keep=found.append))
        path = torch.cat(found).cpu()
        context.ends.put(key, path)
    rising = tuple(reversed(schedule.levels[: schedule.steps]))
    sigmas = torch.tensor(rising)[:, None, None, None]
    clean = known.cpu() / schedule.final_scale
    return Grain(rising, ((path - clean) / sigmas).to(known.device))


def beside(stage: Stage[Settings], known: torch.Tensor) -> torch.Tensor | None:
    """What an inpainting model sees beside the reference: nothing is to paint. None for others."""
    if stage.model.network.in_channels == stage.model.latent_channels:
        return None
    return torch.cat([torch.zeros_like(known[:, :1]), known], dim=1)
