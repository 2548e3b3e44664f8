"""The second stage of hires fix: the picture, enlarged, is drawn again as image-to-image draws it.

Under the same seed it is what img2img makes of the enlarged first picture: the draws come in the
same order, whether the latents or the decoded picture were enlarged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from backend.contracts.events import Pixels, Progress
from backend.contracts.requests import Request
from backend.contracts.settings import HiresStage, Txt2ImgSettings
from backend.contracts.settings.hires import Upscaler
from backend.models.checkpoint import Checkpoint
from backend.modes import parts
from backend.modes.context import Context
from backend.modes.img2img import START_DRAW, Source, first_step, noised
from backend.modes.mixing import mixed
from backend.modes.parts import Origin
from backend.pictures.fit import fit
from backend.sampling.samplers import sample
from backend.sampling.types import NoiseSource, Schedule


class Drawn(NamedTuple):
    """What a stage made.

    Attributes:
        latents: (B, C, h, w), scaled for the VAE.
        hashes: Name -> SHA-256 of its LoRAs.
    """

    latents: torch.Tensor
    hashes: dict[str, str]


def begins_late(request: Request, context: Context) -> bool:
    """Whether the request branches from a step of a second stage, so that the first is done."""
    if request.branch is None:
        return False
    past, _ = context.branches.load(request.branch.token, request.branch.step)
    return isinstance(past, HiresStage)


def redraw(request: Request, first: Drawn, model: Checkpoint, context: Context) -> Drawn:
    """The second stage after the first.

    Args:
        request: With resolved settings under hires fix.
        first: What the first stage drew.
        model: Leased.
        context: The job's surroundings.
    """
    settings = _stage(request)
    schedule = parts.make_schedule(settings, model)
    noise = parts.make_noise(settings, model, START_DRAW)
    known = _enlarged(request, first.latents, model, context, noise)
    noise.skip_to(START_DRAW)
    source = Source(known, noise.draw(), None, None, noise.draws)
    start = first_step(settings, settings.strength, schedule)
    begin = Origin(schedule, noised(settings, source, schedule, start), start=start)
    context.steps.next_stage(settings, start)
    return _walk(settings, begin, start, noise, model, context)


def go_on(request: Request, model: Checkpoint, context: Context) -> Drawn:
    """A branch from a step of the second stage: nothing of the first is drawn again."""
    settings, branch = _stage(request), request.branch
    assert branch is not None
    assert isinstance(request.settings, Txt2ImgSettings)
    stored = [context.branches.load(branch.token, i) for i in range(branch.step + 1)]
    schedule = parts.make_schedule(settings, model)
    noise = parts.make_noise(settings, model, START_DRAW)
    begin = parts.branched(
        replace(request, settings=settings), branch, context, model, schedule, noise
    )
    own = tuple(step for past, step in stored if isinstance(past, HiresStage))
    first = own[0].index if begin.resume is not None else begin.start
    context.steps.begin(request.settings.first_stage, model.previewer)
    for past, step in stored:
        if not isinstance(past, HiresStage):
            context.steps.replay(step)
    context.steps.next_stage(settings, first)
    for step in own:
        context.steps.replay(step)
    return _walk(settings, begin, first, noise, model, context)


def _stage(request: Request) -> HiresStage:
    assert isinstance(request.settings, Txt2ImgSettings)
    return request.settings.second_stage


def _walk(
    settings: HiresStage,
    begin: Origin,
    first: int,
    noise: NoiseSource,
    model: Checkpoint,
    context: Context,
) -> Drawn:
    schedule: Schedule = begin.schedule
    x = begin.x
    with mixed(settings, model, context) as mix:
        denoiser = parts.make_denoiser(
            settings, model, schedule, context.check, mix.text_key, first=first
        )
        mix.at(begin.first)
        for step in sample(
            settings.sampler,
            denoiser,
            x,
            schedule,
            noise,
            eta=settings.eta,
            start=begin.start,
            resume=begin.resume,
        ):
            context.steps.step(step)
            x = step.x
            mix.at(step.index + 1)
        return Drawn(x * schedule.final_scale, mix.hashes)


def _enlarged(
    request: Request,
    latents: torch.Tensor,
    model: Checkpoint,
    context: Context,
    noise: NoiseSource,
) -> torch.Tensor:
    """The first stage's latents (B, C, h, w) at the size of the second, (B, C, H, W)."""
    settings = request.settings
    assert isinstance(settings, Txt2ImgSettings)
    width, height = settings.drawn_size
    how: Upscaler = settings.hires_upscaler
    match how:
        case "latent":
            size = (height // model.vae_factor, width // model.vae_factor)
            return functional.interpolate(latents, size=size, mode="bilinear")
        case "lanczos":
            context.report(Progress("encoding", note="Enlarging"))
            encoded = [
                context.posteriors.encode(model, picture, context.check)
                for picture in _pictures(latents, (width, height), model, context)
            ]
            mean = torch.cat([mean for mean, _ in encoded])
            std = torch.cat([std for _, std in encoded])
            return mean + std * noise.draw()


def _pictures(
    latents: torch.Tensor, size_px: tuple[int, int], model: Checkpoint, context: Context
) -> Iterator[Pixels]:
    """Decoded and enlarged, one after the other; (H, W, 3)."""
    for row in latents.split(1):
        picture = model.codec.decode(row, context.check)[0]
        yield np.ascontiguousarray(fit(picture, *size_px, "crop").image)
