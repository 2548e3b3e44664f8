"""The second stage of hires fix: the picture, enlarged, is drawn again as image-to-image draws it.

Under the same seed it is what img2img makes of the enlarged first picture: the draws come in the
same order, whether the latents or the decoded picture were enlarged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch.nn import functional

from backend.contracts.events import Pixels, Progress
from backend.contracts.requests import Branch
from backend.contracts.settings import HiresStage, Txt2ImgSettings
from backend.contracts.settings.hires import LATENT
from backend.models.checkpoint import Checkpoint
from backend.modes.context import Context
from backend.modes.guide import make_denoiser
from backend.modes.img2img import START_DRAW, Source, first_step, noised
from backend.modes.live import Live
from backend.modes.mixing import mix_of
from backend.modes.mode import Task
from backend.modes.one_pass import enlarged
from backend.modes.record import singles
from backend.modes.run import Run, Sampled, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Origin, branched, make_noise
from backend.modes.watching import Shown
from backend.sampling.types import NoiseSource


class Drawn(NamedTuple):
    """What a stage made.

    Attributes:
        latents: (B, C, h, w), scaled for the VAE.
        hashes: Name -> SHA-256 of its LoRAs.
    """

    latents: torch.Tensor
    hashes: dict[str, str]


def begins_late(request: Task[Txt2ImgSettings], context: Context) -> bool:
    """Whether the request branches from a step of a second stage, so that the first is done."""
    if request.branch is None:
        return False
    past = context.branches.load(request.branch.token, request.branch.step)
    return isinstance(past.settings, HiresStage)


def redraw(settings: Txt2ImgSettings, first: Drawn, model: Checkpoint, context: Context) -> Drawn:
    """The second stage after the first.

    Args:
        settings: Resolved, under hires fix.
        first: What the first stage drew.
        model: Leased.
        context: The job's surroundings.
    """
    stage = stage_of(settings.second_stage, model, context)
    noise = make_noise(stage.settings, model, START_DRAW)
    begin = _begin(stage, _enlarged(settings, first.latents, stage, noise), noise)
    return _walk(stage, begin, noise, Shown(stage, begin.start, continues=True))


def drawn_again(
    stage: Stage[HiresStage], pictures: Sequence[Pixels], *, continues: bool = False
) -> Drawn:
    """Pictures of the stage's size drawn again.

    Args:
        stage: Whose model and settings.
        pictures: (H, W, 3), one for all of the batch or one for each.
        continues: It follows another stage of the same run.
    """
    model, context = stage.model, stage.context
    context.report(Progress("encoding"))
    noise = make_noise(stage.settings, model, START_DRAW)
    mean, std = _encoded(pictures, model, context)
    begin = _begin(stage, mean + std * noise.draw(), noise)
    return _walk(stage, begin, noise, Shown(stage, begin.start, continues=continues))


def branched_from(branch: Branch, stage: Stage[HiresStage]) -> Drawn:
    """`drawn_again`, gone on with from a stored step."""
    noise = make_noise(stage.settings, stage.model, START_DRAW)
    whole = first_step(stage.settings, stage.settings.strength, stage.schedule)
    begin = branched(branch, stage, noise, whole)
    return _walk(stage, begin, noise, Shown(stage, begin.counted, begin.before))


def go_on(request: Task[Txt2ImgSettings], model: Checkpoint, context: Context) -> Drawn:
    """A branch from a step of the second stage: nothing of the first is drawn again."""
    settings, branch = request.settings, request.branch
    assert branch is not None
    stage = stage_of(settings.second_stage, model, context)
    noise = make_noise(stage.settings, model, START_DRAW)
    whole = first_step(stage.settings, stage.settings.strength, stage.schedule)
    begin = branched(branch, stage, noise, whole)
    stored = (context.branches.load(branch.token, i) for i in range(branch.step + 1))
    earlier = tuple(past.step for past in stored)[: -len(begin.before)]
    Shown(stage_of(settings.first_stage, model, context), before=earlier).begin()
    return _walk(stage, begin, noise, Shown(stage, begin.counted, begin.before, continues=True))


def _walk(stage: Stage[HiresStage], begin: Origin, noise: NoiseSource, watch: Shown) -> Drawn:
    mix = mix_of(stage)
    live = Live(
        stage, begin, mix, lambda now: make_denoiser(now, begin.span, mix.text_key, mix=mix), 1
    )

    def walk() -> Sampled:
        return Sampled.of(stage.settings, live.made(), begin, noise)

    return Drawn(drive(Run(walk, watch, (mix,), begin.skipped, live.follow)), mix.hashes)


def _begin(stage: Stage[HiresStage], known: torch.Tensor, noise: NoiseSource) -> Origin:
    """Where a stage begins from the latents (B, C, h, w) of a picture."""
    noise.skip_to(START_DRAW)
    source = Source(known, noise.draw(), None, None, noise.draws)
    start = first_step(stage.settings, stage.settings.strength, stage.schedule)
    x = noised(stage.settings, source, stage.schedule, start)
    return Origin(stage.schedule, x, start=start, began=start)


def _enlarged(
    settings: Txt2ImgSettings,
    latents: torch.Tensor,
    stage: Stage[HiresStage],
    noise: NoiseSource,
) -> torch.Tensor:
    """The first stage's latents (B, C, h, w) at the size of the second, (B, C, H, W)."""
    model, context = stage.model, stage.context
    width, height = settings.drawn_size
    if settings.hires_upscaler == LATENT:
        size = (height // model.vae_factor, width // model.vae_factor)
        return functional.interpolate(latents, size=size, mode="bilinear")
    context.report(Progress("encoding", note="Enlarging"))
    larger = (
        enlarged(picture, (width, height), settings.hires_upscaler, context)
        for picture in _pictures(latents, model, context)
    )
    mean, std = _encoded(larger, model, context)
    return mean + std * noise.draw()


def _encoded(
    pictures: Iterable[Pixels], model: Checkpoint, context: Context
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of their latents, (B, C, h, w) each."""
    found = [context.posteriors.encode(model, picture, context.check) for picture in pictures]
    return torch.cat([mean for mean, _ in found]), torch.cat([std for _, std in found])


def _pictures(latents: torch.Tensor, model: Checkpoint, context: Context) -> Iterator[Pixels]:
    """Decoded, one after the other; (h, w, 3)."""
    for row in singles(latents):
        yield model.codec.decode(row, context.check)[0]
