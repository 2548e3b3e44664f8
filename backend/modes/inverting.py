"""Invert a picture, then edit its prompt: the noise that DDIM turns into the picture, kept.

What the picture shows is told by its own prompt; the run then starts from that noise with another
prompt, so that what the words do not change stays (DDIM, 2010.02502, section 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.contracts.events import Pixels
from backend.contracts.fields import affecting
from backend.contracts.settings import Img2ImgSettings
from backend.modes.end_cache import content_key
from backend.modes.mixing import RunMix
from backend.modes.run import Inverted, Run, Sampled, Steady, drive
from backend.modes.stage import Stage
from backend.modes.start import Origin
from backend.modes.watching import Counted
from backend.pictures.difference import psnr
from backend.sampling.noise import SeededNoise
from backend.sampling.types import Denoiser


@dataclass(frozen=True, eq=False)
class Inversion:
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
    stage: Stage[Img2ImgSettings], latents: torch.Tensor, starts: Sequence[int], mix: RunMix
) -> Inversion:
    """Walks a picture up to the highest of the starts, and once back down to see what was lost.

    Without guidance, as inversion needs it, and under every LoRA at its weight. Kept by content:
    another prompt, guidance or strength below asks no model again.

    Args:
        stage: Of the run; sampler `ddim`.
        latents: (1, C, h, w), the picture in the codec's scale.
        starts: Steps of the schedule that runs begin with.
        mix: The LoRAs of the run.
    """
    settings, model, context, schedule = stage.settings, stage.model, stage.context, stage.schedule
    lowest = min(starts)
    key = content_key(
        "inverted",
        latents,
        model.info.path,
        model.hash,
        model.target.dtype_name,
        affecting(settings, "text", "network", "levels", "inversion"),
        mix.text_key,
        lowest,
    )
    path = context.ends.get(key, torch.Tensor)
    if path is None:
        path = _climb(stage, latents, lowest, mix)
        context.ends.put(key, path)
    path = path.to(model.target.device)
    found = {start: path[schedule.steps - 1 - start][None] for start in starts}
    back = _down(stage, found[lowest], lowest, mix)
    made, wanted = (model.codec.decode(x, context.check)[0] for x in (back, latents))
    return Inversion(found, made, psnr(made, wanted))


def _denoiser(stage: Stage[Img2ImgSettings], mix: RunMix) -> Denoiser:
    settings, model = stage.settings, stage.model
    text = model.text.encode([settings.source_prompt], settings.clip_skip, mix.text_key)
    return model.network.denoiser([text], stage.context.check)


def _climb(
    stage: Stage[Img2ImgSettings], latents: torch.Tensor, lowest: int, mix: RunMix
) -> torch.Tensor:
    """(steps - lowest, C, h, w): x before each step, the last step's first; on the CPU."""
    path: list[torch.Tensor] = []
    total = stage.schedule.steps - lowest

    def walk() -> Inverted:
        refine = stage.settings.inversion_refine
        return Inverted(_denoiser(stage, mix), latents, stage.schedule, refine, total)

    watch = Counted(stage.context, "inverting", total)
    drive(Run(walk, watch, (Steady(mix),), keep=path.append))
    return torch.cat(path).cpu()


def _down(stage: Stage[Img2ImgSettings], x: torch.Tensor, start: int, mix: RunMix) -> torch.Tensor:
    """(1, C, h, w): where the picture's own prompt leads from there."""
    noise = SeededNoise([0], tuple(x.shape[1:]), x.device)  # pyright: ignore[reportArgumentType]

    def walk() -> Sampled:
        begin = Origin(stage.schedule, x, start=start)
        return Sampled("ddim", _denoiser(stage, mix), begin, noise)

    total = stage.schedule.steps - start
    watch = Counted(stage.context, "inverting", total, -start, note="Checking it")
    return drive(Run(walk, watch, (Steady(mix),)))
