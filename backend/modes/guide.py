"""The model under guidance, as the settings of a stage ask for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from backend.contracts.errors import BadInput
from backend.contracts.settings import Settings
from backend.contracts.settings.regions import loras_of_regions
from backend.models.parts import Text
from backend.models.text.clip import Conditioning
from backend.modes import prompt_timeline
from backend.modes.adapting import Adapted
from backend.modes.conditioned import Conditioned, Ground, conditioned
from backend.modes.mixing import RunMix
from backend.modes.prompt_timeline import Words
from backend.modes.reference import referenced
from backend.modes.region_attention import as_one, by_attention
from backend.modes.regions import Placed, with_regions
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.modes.steer import steered
from backend.sampling import guidance
from backend.sampling.guidance import Scale
from backend.sampling.types import Denoiser, Level

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
    mix: RunMix | None = None,
    scale: Scale | None = None,
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
        mix: The run's LoRAs, in force; needed where regions have LoRAs of their own.
        scale: In the place of the settings' guidance scale, see `guidance.cfg`.

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

    def encode(prompt: str, rows: tuple[int, ...] | None = None) -> Conditioning:
        key = weights_key if mix is None or rows is None else mix.reading(rows)
        return reader.encode([prompt], settings.clip_skip, key)

    def saying(words: Words) -> Denoiser:
        positives = conditioned(words, settings.prompt_mix, encode)
        if not words.regions:
            negative = reader.unconditional(words.negative, settings.clip_skip, weights_key)
            return guided(stage, span, positives, negative, under, scale)
        placed = with_regions(stage, positives, words.regions, encode, mix)
        negatives: list[Conditioning] = []
        for ground in placed.grounds:
            key = weights_key if mix is None else mix.reading(ground.loras)
            negatives.append(reader.unconditional(words.negative, settings.clip_skip, key))
        if len(placed.conditions) > 1 and by_attention(settings, model.info.anatomy.can):
            joined, negative, apart = as_one(stage, placed, negatives[0], under)
            return guided(stage, span, [joined], negative, apart, scale)
        looking = under.among(len(negatives)) if isinstance(under, Adapted) else under
        drawn = guided_among(stage, span, placed, negatives, looking, scale)
        if mix is None or not loras_of_regions(settings):
            return drawn
        mix.whole(mix.everywhere)
        return partial(_spread, drawn, mix, placed.kinds)

    return steered(stage, span, prompt_timeline.denoiser(settings, span, saying))


def guided(
    stage: Stage[Settings],
    span: Span,
    positives: Sequence[Conditioned],
    negative: Conditioning,
    base: BaseDenoiser,
    scale: Scale | None = None,
) -> Denoiser:
    """The model under guidance for embedded prompts; arguments as in `make_denoiser`.

    Args:
        positives: What to draw; each with a row for each sample, or for several in succession.
        negative: What to steer away from, as many rows.
    """
    placed = Placed(tuple(positives), (Ground(1.0),))
    return guided_among(stage, span, placed, [negative], base, scale)


def guided_among(
    stage: Stage[Settings],
    span: Span,
    placed: Placed,
    negatives: Sequence[Conditioning],
    base: BaseDenoiser,
    scale: Scale | None = None,
) -> Denoiser:
    """`guided` for a picture whose places differ.

    Args:
        placed: What steers them.
        negatives: What to steer away from, one for each of its grounds.
    """
    settings, check = stage.settings, stage.context.check
    assert settings.guidance_scale is not None
    told = [one.conditioning for one in placed.conditions]
    length = max(one.context.shape[1] for one in (*negatives, *told))
    told = [one.padded(length) for one in told]
    denoiser = guidance.cfg(
        base([*negatives, *told], check),
        base(told[:1], check),
        settings.guidance_scale if scale is None else scale,
        shares=[one.share for one in placed.conditions],
        grounds=[ground.share for ground in placed.grounds],
        against=[one.ground for one in placed.conditions],
        interval=guidance.sigma_range(
            span.schedule, settings.guidance_start, settings.guidance_end, span.first
        ),
        rescale=settings.guidance_rescale,
        prediction=stage.model.network.prediction_type,
        kept=stage.model.kept_norm,
    )
    if settings.threshold_ratio > 0:
        denoiser = guidance.dynamic_threshold(denoiser, settings.threshold_ratio, THRESHOLD_LIMIT)
    return denoiser


def _spread(
    drawn: Denoiser,
    mix: RunMix,
    kinds: tuple[tuple[int, ...], ...],
    x: torch.Tensor,
    level: Level,
) -> torch.Tensor:
    """The denoiser with each conditioning under its own LoRAs."""
    mix.spread(kinds)
    return drawn(x, level)
