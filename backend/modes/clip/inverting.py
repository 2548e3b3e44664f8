"""The noise that DDIM turns into each frame: where a clip starts that keeps what its words keep."""

from __future__ import annotations

from functools import partial

import torch

from backend.contracts.settings import ClipSettings
from backend.models.memory.memory_pressure import Way, halvings, overcome
from backend.modes.clip.frames import TOO_MUCH
from backend.modes.mixing import RunMix
from backend.modes.run import Inverted, Run, Steady, drive
from backend.modes.stage import Stage
from backend.modes.watching import Counted
from backend.sampling.types import Denoiser, Level


def inverted(
    stage: Stage[ClipSettings], latents: torch.Tensor, start: int, mix: RunMix, together: int
) -> torch.Tensor:
    """Walks all frames up to the level of a step, each by itself, without guidance.

    Args:
        stage: Of the run; sampler `ddim`.
        latents: (F, C, h, w), the frames in the codec's scale.
        start: The step that the run begins with.
        mix: Its LoRAs.
        together: Frames of one call at most.

    Returns:
        (F, C, h, w) in variance-exploding scale.
    """
    settings, context = stage.settings, stage.context
    total = stage.schedule.steps - start

    def walk() -> Inverted:
        text = stage.model.text.encode([settings.source_prompt], settings.clip_skip, mix.text_key)
        plain = stage.model.network.denoiser([text], context.check)
        refine = settings.inversion_refine
        return Inverted(in_chunks(plain, together), latents, stage.schedule, refine, total)

    return drive(Run(walk, Counted(context, "inverting", total), (Steady(mix),)))


def in_chunks(denoiser: Denoiser, together: int) -> Denoiser:
    """The denoiser over so many rows at once, or fewer where memory runs short."""

    def parts(x: torch.Tensor, level: Level, size: int) -> torch.Tensor:
        made: list[torch.Tensor] = []
        for start in range(0, len(x), size):
            rows = torch.arange(start, min(len(x), start + size), device=x.device)
            made.append(denoiser(x[start : start + size], level.rows(rows)))
        return torch.cat(made)

    def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
        sizes = halvings(min(together, len(x)))
        return overcome((Way(partial(parts, x, level, size), "") for size in sizes), TOO_MUCH)

    return denoise
