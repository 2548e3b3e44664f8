"""The model under guidance, as the settings of a stage ask for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from backend.contracts.errors import BadInput
from backend.contracts.settings import Settings
from backend.models.parts import Text
from backend.models.text.clip import Conditioning
from backend.modes import prompt_timeline
from backend.modes.conditioned import Conditioned, conditioned
from backend.modes.prompt_timeline import Words
from backend.modes.reference import referenced
from backend.modes.regions import with_regions
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.modes.steer import steered
from backend.sampling import guidance
from backend.sampling.types import Denoiser

Check = Callable[[], None]
BaseDenoiser = Callable[[Sequence[Conditioning], Check], Denoiser]
"""(conditionings, stacked along the batch; check) -> model.

[negative, positive], with a positive one for each part that AND joins, or [positive] alone.
"""
THRESHOLD_LIMIT = 3.0  # latents of unit variance: about what |x0| reaches without guidance


def make_denoiser(
    stage: Stage[Settings],
    span: Span,
    weights_key: str = "",
    *,
    channels: torch.Tensor | None = None,
    labels: torch.Tensor | None = None,
    base: BaseDenoiser | None = None,
    text: Text | None = None,
) -> Denoiser:
    """The model under guidance, for batches of any size.

    The negative prompt comes first in the batch; where nothing is to guide, only the conditional
    half runs.

    Args:
        stage: Whose prompts and guidance.
        span: What parts of the run are counted over.
        weights_key: Names what LoRAs do to the text encoder now, for its cache.
        channels: What an inpainting model or an upscaler sees beside x, see `Network.denoiser`.
        labels: What the model is told of each sample, see there.
        base: The network with what a mode puts under it; the plain one by default.
        text: Who embeds the prompts, where that is not the model itself.

    Raises:
        BadInput: The model needs such channels and has none, or the other way round.
    """
    settings, model = stage.settings, stage.model
    if labels is None and model.info.anatomy.can.classes:
        labels = torch.tensor([settings.class_label])
    if (model.network.in_channels != model.latent_channels) != (channels is not None):
        if model.enlarger is not None:
            raise BadInput(f"'{model.name}' needs the small picture that it enlarges.", "model")
        if model.info.anatomy.can.edits:
            raise BadInput(f"'{model.name}' edits a picture; take one to img2img.", "model")
        raise BadInput(
            f"'{model.name}' is an inpainting model: it paints a mask in a picture; choose another "
            "model here, or take it to img2img.",
            "model",
        )
    plain = base or partial(model.network.denoiser, channels=channels, labels=labels)
    under = referenced(stage, span, plain)
    reader = text or model.text

    def encode(prompt: str) -> Conditioning:
        return reader.encode([prompt], settings.clip_skip, weights_key)

    def saying(words: Words) -> Denoiser:
        positives = conditioned(words, settings.prompt_mix, encode)
        if words.regions:
            positives = with_regions(stage, positives, words.regions, encode)
        negative = reader.unconditional(words.negative, settings.clip_skip, weights_key)
        return guided(stage, span, positives, negative, under)

    return steered(stage, span, prompt_timeline.denoiser(settings, span, saying))


def guided(
    stage: Stage[Settings],
    span: Span,
    positives: Sequence[Conditioned],
    negative: Conditioning,
    base: BaseDenoiser,
) -> Denoiser:
    """The model under guidance for embedded prompts; arguments as in `make_denoiser`.

    Args:
        positives: What to draw; each with a row for each sample, or for several in succession.
        negative: What to steer away from, as many rows.
    """
    settings, check = stage.settings, stage.context.check
    assert settings.guidance_scale is not None
    told = [one.conditioning for one in positives]
    length = max(one.context.shape[1] for one in (negative, *told))
    told = [one.padded(length) for one in told]
    denoiser = guidance.cfg(
        base([negative, *told], check),
        base(told[:1], check),
        settings.guidance_scale,
        shares=[one.share for one in positives],
        interval=guidance.sigma_range(
            span.schedule, settings.guidance_start, settings.guidance_end, span.first
        ),
        rescale=settings.guidance_rescale,
        prediction=stage.model.network.prediction_type,
    )
    if settings.threshold_ratio > 0:
        denoiser = guidance.dynamic_threshold(denoiser, settings.threshold_ratio, THRESHOLD_LIMIT)
    return denoiser
