"""A picture from a picture (SDEdit, Meng et al. 2021), in part or as a whole.

The source is encoded once; its posterior is sampled per seed and noised to the level at which the
run starts. The order of the draws is that of diffusers: posterior, noise, posterior of the masked
picture, and then whatever the sampler draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.requests import Request
from backend.contracts.settings import Img2ImgSettings
from backend.models.checkpoint import Checkpoint
from backend.modes import parts, prompt_timeline
from backend.modes.context import Context
from backend.modes.inverting import inverted
from backend.modes.leasing import leased
from backend.modes.mixing import RunMix, mixed
from backend.modes.parts import BaseDenoiser, Origin
from backend.pictures import canvas
from backend.pictures.canvas import Canvas
from backend.sampling import guidance
from backend.sampling.lockstep import Lane, lockstep
from backend.sampling.samplers import sample
from backend.sampling.types import Denoiser, NoiseSource, Schedule, Step

START_DRAW = 1  # the first draw samples the posterior, the second is the noise of the start


@dataclass(frozen=True)
class Guide:
    """What steers the UNet besides the prompt.

    Attributes:
        base: Makes the base denoiser of a run: its schedule, the step that it begins with, and
            the channels that an inpainting model sees beside x.
        whole: It acts alike in all of a run, wherever that begins.
    """

    base: Callable[[Schedule, int, torch.Tensor | None], BaseDenoiser]
    whole: bool


@dataclass(frozen=True, eq=False)
class Source:
    """The picture as latents, and the noise of a run; the same for every strength.

    Attributes:
        known: (B, C, h, w), a sample of the posterior for each seed.
        noise: (B, C, h, w), unit variance.
        mask: (1, 1, h, w) of 0 and 1, 1 where to paint; None where all is painted.
        channels: (B, C + 1, h, w), mask and masked latents, for inpainting models.
        draws: How often the noise source was drawn from.
        inverted: Step -> (1, C, h, w) where a run that begins there starts; None for fresh noise.
    """

    known: torch.Tensor
    noise: torch.Tensor
    mask: torch.Tensor | None
    channels: torch.Tensor | None
    draws: int
    inverted: dict[int, torch.Tensor] | None = None

    def kept(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents (B, C, h, w) at the end of a run, the source itself outside the mask.

        DDIM ends a little above sigma 0, where the known region still has its noise.
        """
        if self.mask is None or self.channels is not None:
            return latents
        return self.mask * latents + (1 - self.mask) * self.known


def run(request: Request, context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `Img2ImgSettings` and the picture "image", perhaps "mask"; `branch`
            goes on from a stored step.
        context: The job's surroundings.

    Yields:
        One `Output` a picture; of several strengths, all seeds of the first come first.

    Raises:
        BadInput: Picture, mask and settings do not belong together.
    """
    settings = request.settings
    assert isinstance(settings, Img2ImgSettings)
    picture = canvas.prepare(settings, request.images["image"], request.images.get("mask"))
    context.report(Progress("loading", note=f"Loading {settings.model}"))
    with leased(context.models, settings) as model:
        yield from drawn(request, picture, model, context)


def drawn(
    request: Request,
    picture: Canvas,
    model: Checkpoint,
    context: Context,
    guide: Guide | None = None,
) -> Iterator[Output]:
    """Runs one request whose picture is prepared and whose model is leased.

    Args:
        request: As for `run`.
        picture: From `canvas.prepare`.
        model: This job's alone.
        context: The job's surroundings.
        guide: What steers the UNet besides the prompt.

    Yields:
        As `run`.
    """
    settings = request.settings
    assert isinstance(settings, Img2ImgSettings)
    context.report(Progress("encoding"))
    schedule = parts.make_schedule(settings, model)
    noise = parts.make_noise(settings, model, START_DRAW)
    source = make_source(picture, model, context, noise, inverts=settings.start_noise == "inverted")
    x = source.known
    facts: dict[str, Any] = {}
    views: dict[str, Pixels] = {}
    with mixed(settings, model, context) as mix:
        if settings.start_noise == "inverted" and request.branch is None:
            starts = [first_step(settings, strength, schedule) for strength in settings.ladder]
            found = inverted(
                settings, source.known[:1], starts, model, context, schedule, mix.text_key
            )
            source = replace(source, inverted=found.starts)
            facts, views = found.facts, {"reconstruction": found.reconstruction}
        if len(settings.ladder) == 1:
            begin = _origin(request, context, model, schedule, noise, source)
            final_scale, x = begin.schedule.final_scale, begin.x
            steps = _single(settings, context, model, mix, begin, noise, source, guide)
        else:
            final_scale = schedule.final_scale
            steps = _ladder(settings, context, model, mix, schedule, source, guide)
        for step in steps:
            context.steps.step(step)
            x = step.x
            mix.at(step.index + 1)
    context.report(Progress("decoding"))
    if settings.acting_loras:
        facts |= {"lora_hashes": mix.hashes}
    latents = [source.kept(rung) for rung in (x * final_scale).chunk(len(settings.ladder))]
    for place, strength in enumerate(settings.ladder):
        for output in parts.outputs(
            settings.model_copy(update={"strength": strength, "strengths": ()}),
            model,
            latents[place],
            context,
            facts | _facts(settings, strength, schedule, request),
            first=place * settings.batch_size,
            finish=picture.finish,
        ):
            yield replace(output, views=views)


def make_source(
    picture: Canvas,
    model: Checkpoint,
    context: Context,
    noise: NoiseSource,
    inverts: bool = False,
) -> Source:
    """Encodes what is not encoded yet and draws what depends on the seeds.

    Args:
        picture: Prepared.
        model: This job's alone.
        context: The job's surroundings.
        noise: Not drawn from yet.
        inverts: The run starts from the picture's own noise.

    Raises:
        BadInput: The mask is too thin.
    """
    device = model.target.device
    mask = None
    if picture.latent_mask is not None:
        mask = torch.tensor(picture.latent_mask, device=device)[None, None]
    mean, std = context.posteriors.encode(model, picture.source, context.check)
    sampled = noise.draw()
    # What is inverted is the picture itself, not a draw around it.
    known = mean.expand_as(sampled) if inverts else mean + std * sampled
    start = noise.draw()
    channels = None
    if model.network.in_channels > model.latent_channels:
        channels = _channels(picture, model, context, noise, mask)
    return Source(known, start, mask, channels, noise.draws)


def _channels(
    picture: Canvas,
    model: Checkpoint,
    context: Context,
    noise: NoiseSource,
    mask: torch.Tensor | None,
) -> torch.Tensor:
    """Mask and masked latents; without a mask all of the picture is painted anew."""
    draw = noise.draw()
    if picture.drawn_mask is None:
        hidden = np.ones(picture.bare.shape[:2], dtype=np.bool_)
    else:
        hidden = picture.drawn_mask >= 0.5
    mean, std = context.posteriors.encode(model, picture.bare, context.check, hidden)
    latents = mean + std * draw
    inside = torch.ones_like(latents[:, :1]) if mask is None else mask
    return torch.cat([inside.expand(len(latents), -1, -1, -1), latents], dim=1)


def noised(
    settings: Img2ImgSettings, source: Source, schedule: Schedule, start: int
) -> torch.Tensor:
    """Where a run begins, (B, C, h, w) in variance-exploding scale at the level of step `start`."""
    if source.inverted is not None:
        return source.inverted[start].expand_as(source.known)
    sigma = schedule.levels[start]
    if settings.masked_content != "latent_noise" or source.mask is None:
        return source.known + sigma * source.noise
    if start == 0:
        return source.noise * schedule.init_scale  # as txt2img starts
    return (1 - source.mask) * source.known + sigma * source.noise


def _origin(
    request: Request,
    context: Context,
    model: Checkpoint,
    schedule: Schedule,
    noise: NoiseSource,
    source: Source,
) -> Origin:
    settings = request.settings
    assert isinstance(settings, Img2ImgSettings)
    if request.branch is not None:
        return parts.branched(request, request.branch, context, model, schedule, noise)
    start = first_step(settings, settings.ladder[0], schedule)
    return Origin(schedule, noised(settings, source, schedule, start), start=start)


def first_step(settings: Img2ImgSettings, strength: float, schedule: Schedule) -> int:
    """The step of the schedule that a run of that strength begins with."""
    return schedule.steps - settings.model_steps(strength)


def _single(
    settings: Img2ImgSettings,
    context: Context,
    model: Checkpoint,
    mix: RunMix,
    begin: Origin,
    noise: NoiseSource,
    source: Source,
    guide: Guide | None,
) -> Iterator[Step]:
    """One strength, from its start or from the stored step of an earlier run."""
    first = begin.before[0].index if begin.resume is not None else begin.start
    denoiser = _denoiser(settings, context, model, mix, begin.schedule, source, first, guide)
    context.steps.begin(settings, model.previewer, first)
    for stored in begin.before:
        context.steps.replay(stored)
    mix.at(begin.first)
    yield from sample(
        settings.sampler,
        denoiser,
        begin.x,
        begin.schedule,
        noise,
        eta=settings.eta,
        start=begin.start,
        resume=begin.resume,
    )


def _ladder(
    settings: Img2ImgSettings,
    context: Context,
    model: Checkpoint,
    mix: RunMix,
    schedule: Schedule,
    source: Source,
    guide: Guide | None,
) -> Iterator[Step]:
    """Several strengths from the same noise, each with one call of the model for all of them."""
    starts = [first_step(settings, strength, schedule) for strength in settings.ladder]
    whole = settings.guidance_start <= 0 and settings.guidance_end >= 1
    whole = whole and (guide is None or guide.whole) and not prompt_timeline.changes(settings)
    shared = _denoiser(settings, context, model, mix, schedule, source, 0, guide) if whole else None
    lanes: list[Lane] = []
    for start in starts:
        noise = parts.make_noise(settings, model, START_DRAW)
        noise.skip_to(source.draws)
        lanes.append(
            Lane(
                # Parts of a run are counted from its own start, so each asks for its own guidance.
                shared or _denoiser(settings, context, model, mix, schedule, source, start, guide),
                start,
                noised(settings, source, schedule, start),
                noise,
                source.known,
            )
        )
    context.steps.begin(settings, model.previewer, min(starts))
    mix.at(min(starts))
    yield from lockstep(settings.sampler, lanes, schedule, eta=settings.eta)


def _denoiser(
    settings: Img2ImgSettings,
    context: Context,
    model: Checkpoint,
    mix: RunMix,
    schedule: Schedule,
    source: Source,
    first: int,
    guide: Guide | None = None,
) -> Denoiser:
    """The guided model; an ordinary one is kept to the source outside the mask.

    An inpainting model was trained to keep what it is shown there; diffusers leaves it alone too.
    """
    channels = source.channels
    denoiser = parts.make_denoiser(
        settings,
        model,
        schedule,
        context.check,
        mix.text_key,
        first=first,
        channels=channels,
        base=None if guide is None else guide.base(schedule, first, channels),
    )
    if source.mask is None or source.channels is not None:
        return denoiser
    pure = None
    if settings.masked_content == "latent_noise":
        pure = schedule.levels[0], schedule.init_scale
    return guidance.masked(denoiser, source.known, source.mask, source.noise, pure)


def _facts(
    settings: Img2ImgSettings, strength: float, schedule: Schedule, request: Request
) -> dict[str, Any]:
    """What labels a picture of a ladder, and which pictures it was made from."""
    return {
        "sigma": schedule.levels[first_step(settings, strength, schedule)],
        "steps": settings.model_steps(strength),
        **parts.input_facts(request),
    }
