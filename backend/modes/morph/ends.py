"""The two ends of a morph: what they show, and the noise that leads there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from backend.contracts.events import Pixels
from backend.contracts.fields import affecting
from backend.contracts.settings import MorphSettings
from backend.models.text.clip import Conditioning
from backend.modes.conditioned import Conditioned
from backend.modes.end_cache import content_key
from backend.modes.guide import Check, guided
from backend.modes.morph.cost import Ledger
from backend.modes.record import singles
from backend.modes.run import Inverted, Run, Sampled, drive
from backend.modes.stage import Stage
from backend.modes.start import Span, fresh
from backend.modes.watching import Counted
from backend.pictures.fit import fit
from backend.sampling.noise import SeededNoise
from backend.sampling.types import Denoiser


@dataclass(frozen=True, eq=False)
class End:
    """One end.

    Attributes:
        prompt: What it shows.
        text: The prompt, embedded.
        start: (1, C, h, w) where its sampling starts, variance-exploding scale; None until known.
        latents: (1, C, h, w) of its picture, float32; None in a walk.
        picture: (H, W, 3) as uploaded and fitted; None where it comes from a prompt.
    """

    prompt: str
    text: Conditioning
    start: torch.Tensor | None = None
    latents: torch.Tensor | None = None
    picture: Pixels | None = None

    @property
    def shown(self) -> tuple[object, ...]:
        """What is worked out for it depends on, for a cache's key.

        The prompt as the model reads it: the same words say something else once the file of a
        textual inversion among them has changed.
        """
        return (self.latents, self.prompt, self.text.context, self.text.pooled)


def gather(
    stage: Stage[MorphSettings], images: Mapping[str, Pixels], ledger: Ledger, text_key: str
) -> tuple[End, End]:
    """Both ends, in a walk with their noise, else with the latents of their pictures.

    An end of a quick morph that has no picture is drawn first, with the model's own guidance.
    """
    settings, model, context = stage.settings, stage.model, stage.context
    made: list[End] = []
    for end, name in enumerate(settings.ends):
        prompt = settings.end_prompt(end)
        text = model.text.encode([prompt], settings.clip_skip, text_key)
        if settings.method == "walk":
            start = _noise(stage, end).draw() * stage.schedule.init_scale
            made.append(End(prompt, text, start=start))
        elif name in images:
            assert settings.width is not None
            assert settings.height is not None
            picture = fit(images[name], settings.width, settings.height, settings.resize_mode).image
            mean, _ = context.posteriors.encode(model, picture, context.check)
            made.append(End(prompt, text, latents=mean, picture=picture))
        else:
            with ledger.stage("drawing"):
                latents = _drawn(stage, end, text, ledger, text_key)
            made.append(End(prompt, text, latents=latents))
    first, last = made
    return first, last


def identical(settings: MorphSettings, ends: tuple[End, End]) -> bool:
    """Whether there is nothing to go between."""
    a, b = ends
    if a.prompt != b.prompt:
        return False
    if settings.method == "walk":
        return settings.seed_a == settings.seed_b
    assert a.latents is not None
    assert b.latents is not None
    return torch.equal(a.latents, b.latents)


def inverted(
    stage: Stage[MorphSettings],
    ends: tuple[End, End],
    denoiser: Denoiser,
    weights_key: Sequence[str],
) -> tuple[End, End]:
    """The ends with the noise that DDIM turns into them, both found in one batch.

    Args:
        denoiser: Takes both ends in one batch, or the first or second alone; without guidance.
        weights_key: Names what LoRAs do to the weights under each end; part of the cache's key.
    """
    settings, model, context = stage.settings, stage.model, stage.context
    keys = [
        content_key(
            *end.shown,
            model.info.path,
            model.hash,
            model.target.dtype_name,
            affecting(settings, "text", "network", "levels", "inversion"),
            weights,
        )
        for end, weights in zip(ends, weights_key, strict=True)
    ]
    found = [context.ends.get(key, torch.Tensor) for key in keys]
    if any(start is None for start in found):
        x = torch.cat([end.latents for end in ends if end.latents is not None])
        up = Inverted(denoiser, x, stage.schedule, settings.inversion_refine)
        watch = Counted(context, "inverting", stage.schedule.steps)
        found = singles(drive(Run(lambda: up, watch)))
        for key, start in zip(keys, found, strict=True):
            context.ends.put(key, start.cpu())
    device = model.target.device
    first, last = (
        replace(end, start=start.to(device))
        for end, start in zip(ends, found, strict=True)
        if start is not None
    )
    return first, last


def both(ends: tuple[End, End]) -> Conditioning:
    """The prompts of both ends as rows of a batch."""
    return Conditioning.cat([end.text for end in ends])


def _noise(stage: Stage[MorphSettings], end: int) -> SeededNoise:
    settings, model = stage.settings, stage.model
    width, height = settings.drawn_size
    shape = (model.latent_channels, height // model.vae_factor, width // model.vae_factor)
    return SeededNoise([settings.end_seed(end)], shape, model.target.device)


def _drawn(
    stage: Stage[MorphSettings], end: int, text: Conditioning, ledger: Ledger, text_key: str
) -> torch.Tensor:
    settings, model = stage.settings, stage.model
    own = settings.model_copy(update={"guidance_scale": model.card.guidance_scale})
    negative = model.text.unconditional(settings.negative_prompt, settings.clip_skip, text_key)

    def base(conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
        return ledger.denoiser(model.network, conditioning, check)

    span = Span(stage.schedule)
    said = [Conditioned(text)]
    denoiser = guided(replace(stage, settings=own), span, said, negative, base)
    noise = _noise(stage, end)
    walk = Sampled("ddim", denoiser, fresh(stage, noise), noise)
    note = f"Drawing end {'AB'[end]}"
    watch = Counted(stage.context, "sampling", stage.schedule.steps, note=note)
    return drive(Run(lambda: walk, watch))
