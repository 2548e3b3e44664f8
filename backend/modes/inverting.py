"""Invert a picture, then edit its prompt: the noise that DDIM turns into the picture, kept.

What the picture shows is told by its own prompt; the run then starts from that noise with another
prompt, so that what the words do not change stays (DDIM, 2010.02502, section 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.contracts.events import Pixels, Progress
from backend.contracts.settings import Img2ImgSettings
from backend.models.checkpoint import Checkpoint
from backend.modes.context import Context
from backend.modes.end_cache import content_key
from backend.pictures.difference import psnr
from backend.sampling.inversion import invert
from backend.sampling.noise import SeededNoise
from backend.sampling.samplers import sample
from backend.sampling.types import Denoiser, Schedule


@dataclass(frozen=True, eq=False)
class Inverted:
    """A picture's way up the schedule.

    Attributes:
        starts: Step -> (1, C, h, w) where a run that begins with that step starts,
            variance-exploding scale.
        reconstruction: (H, W, 3), what the way back down gives with the picture's own prompt.
        psnr: How close that is to the autoencoder's own reconstruction, dB.
    """

    starts: dict[int, torch.Tensor]
    reconstruction: Pixels
    psnr: float

    @property
    def facts(self) -> dict[str, object]:
        """For the record."""
        return {"inversion": {"psnr": self.psnr}}


def inverted(
    settings: Img2ImgSettings,
    latents: torch.Tensor,
    starts: Sequence[int],
    model: Checkpoint,
    context: Context,
    schedule: Schedule,
    text_key: str,
) -> Inverted:
    """Walks a picture up to the highest of the starts, and once back down to see what was lost.

    Without guidance, as inversion needs it. Kept by content: another prompt, guidance or strength
    below asks no model again.

    Args:
        settings: Of the run; sampler `ddim`.
        latents: (1, C, h, w), the picture in the VAE's scale.
        starts: Steps of the schedule that runs begin with.
        model: This job's alone.
        context: The job's surroundings.
        schedule: Made for `ddim`.
        text_key: Names what LoRAs do to the weights now.
    """
    lowest = min(starts)
    key = content_key(
        "inverted",
        latents,
        settings.source_prompt,
        model.info.path,
        model.hash,
        model.target.dtype_name,
        settings.steps,
        settings.schedule,
        settings.inversion_refine,
        settings.clip_skip,
        settings.acting_loras,
        text_key,
        lowest,
    )
    text = model.text.encode([settings.source_prompt], settings.clip_skip, text_key)
    denoiser = model.network.denoiser([text], context.check)
    path = context.ends.get(key, torch.Tensor)
    if path is None:
        path = _climb(latents, denoiser, settings, context, schedule, lowest)
        context.ends.put(key, path)
    path = path.to(model.target.device)
    found = {start: path[schedule.steps - 1 - start][None] for start in starts}
    back = _down(found[lowest], denoiser, context, schedule, lowest)
    made, wanted = (model.codec.decode(x, context.check)[0] for x in (back, latents))
    return Inverted(found, made, psnr(made, wanted))


def _climb(
    latents: torch.Tensor,
    denoiser: Denoiser,
    settings: Img2ImgSettings,
    context: Context,
    schedule: Schedule,
    lowest: int,
) -> torch.Tensor:
    """(steps - lowest, C, h, w): x before each step, the last step's first; on the CPU."""
    path: list[torch.Tensor] = []
    total = schedule.steps - lowest
    for step in invert(
        denoiser, latents / schedule.final_scale, schedule, refine=settings.inversion_refine
    ):
        context.report(Progress("inverting", step.index + 1, total))
        path.append(step.x)
        if len(path) == total:
            break
    return torch.cat(path).cpu()


def _down(
    x: torch.Tensor, denoiser: Denoiser, context: Context, schedule: Schedule, start: int
) -> torch.Tensor:
    """(1, C, h, w): where the picture's own prompt leads from there."""
    noise = SeededNoise([0], tuple(x.shape[1:]), x.device)  # pyright: ignore[reportArgumentType]
    total = schedule.steps - start
    for step in sample("ddim", denoiser, x, schedule, noise, start=start):
        context.report(Progress("inverting", step.index + 1 - start, total, note="Checking it"))
        x = step.x
    return x * schedule.final_scale
