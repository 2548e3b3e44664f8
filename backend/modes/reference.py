"""A picture drawn like another: at each step the reference goes through the network first.

It is noised to the level of the step by a noise of its own (`reference_noise`), and is told the
same prompts; no ControlNet and no draw of the run has a part in it. What its attention makes is
looked at by the pictures of the same step, and dropped. Where an IP-Adapter is named, that tells of
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from backend.contracts.settings import Settings
from backend.contracts.settings.reference import REFERENCE, ReferenceFields
from backend.models.denoiser.reference import ReferenceAttention
from backend.models.text.clip import Conditioning
from backend.modes.adapting import Adapted
from backend.modes.reference_noise import beside as channels_beside
from backend.modes.reference_noise import grain_of
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.pictures.fit import fit
from backend.sampling.guidance import sigma_range
from backend.sampling.types import Denoiser, Level

if TYPE_CHECKING:
    from backend.modes.guide import BaseDenoiser, Check


def referenced(stage: Stage[Settings], span: Span, base: BaseDenoiser) -> BaseDenoiser:
    """The base denoiser that looks at the reference; the same one where none acts.

    Args:
        stage: Whose settings, model and pictures.
        span: What parts of the run are counted over.
        base: The network with what else a mode puts under it.
    """
    settings, network = stage.settings, stage.model.network
    if not isinstance(settings, ReferenceFields) or not settings.refers:
        return base
    if settings.reference_adapter:
        return Adapted(stage, span, base)
    known = _known(stage)
    grain = grain_of(stage, known, inverted=settings.reference_noise == "inverted")
    levels = sigma_range(
        span.schedule, settings.reference_start, settings.reference_end, span.first
    )
    channels = channels_beside(stage, known)

    def beside(conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
        alone = network.denoiser(conditioning, channels=channels)
        rows = sum(len(part.context) for part in conditioning)
        free, looking = base(conditioning, check), base(conditioning, _unchecked)

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            if not levels.holds(level):
                return free(x, level)
            check()  # not between the two calls: another job may run here, and change the control
            control = _control(stage)
            alpha, sigma, timestep = (part[:rows] for part in level[:3])
            own = Level(alpha, sigma, timestep, level.value)
            noised = own.alpha_for(x) * known + own.sigma_for(x) * grain.at(own)
            with control.during("kept"):
                alone(noised, own)
            with control.during("seen"):
                return looking(x, level)

        return denoise

    return beside


def _unchecked() -> None:
    """Whoever calls has checked."""


def _control(stage: Stage[Settings]) -> ReferenceAttention:
    model = stage.model
    control = model.patches.find(model.network.model, ReferenceAttention)
    assert control is not None, "`changes.reference` is in force while the model is leased"
    return control


def _known(stage: Stage[Settings]) -> torch.Tensor:
    """The reference's latents at the size that is drawn, (1, C, h, w)."""
    model, context = stage.model, stage.context
    picture = fit(context.pictures[REFERENCE], *stage.settings.drawn_size, "crop").image
    known, _ = context.posteriors.encode(model, picture, context.check)
    return known
