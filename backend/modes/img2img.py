"""A picture from a picture (SDEdit, Meng et al. 2021), in part or as a whole.

The source is encoded once; its posterior is sampled per seed and noised to the level at which the
run starts. The order of the draws is that of diffusers: posterior, noise, posterior of the masked
picture, and then whatever the sampler draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.settings import Img2ImgSettings, Settings
from backend.models.checkpoint import Checkpoint
from backend.modes import prompt_timeline, record
from backend.modes.context import Context
from backend.modes.guide import BaseDenoiser, make_denoiser
from backend.modes.inverting import inverted
from backend.modes.leasing import Needs
from backend.modes.live import Live
from backend.modes.mixing import RunMix, mix_of
from backend.modes.mode import PictureMode, Task
from backend.modes.run import Run, Sampled, SideBySide, conduct, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Origin, Span, branched, make_noise
from backend.modes.watching import Shown
from backend.pictures import canvas
from backend.pictures.canvas import Canvas
from backend.sampling import guidance
from backend.sampling.lockstep import Lane
from backend.sampling.types import Denoiser, NoiseSource, Schedule

START_DRAW = 1  # the first draw samples the posterior, the second is the noise of the start


@dataclass(frozen=True)
class Guide:
    """What steers the UNet besides the prompt.

    Attributes:
        base: Makes the base denoiser of a run from its settings, what its parts are counted over,
            and the channels that an inpainting model sees beside x.
        whole: It acts alike in all of a run, wherever that begins.
    """

    base: Callable[[Settings, Span, torch.Tensor | None], BaseDenoiser]
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
        shown: The network sees the picture itself, so that a whole run starts from noise alone.
    """

    known: torch.Tensor
    noise: torch.Tensor
    mask: torch.Tensor | None
    channels: torch.Tensor | None
    draws: int
    inverted: dict[int, torch.Tensor] | None = None
    shown: bool = False

    def kept(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents (B, C, h, w) at the end of a run, the source itself outside the mask.

        DDIM ends a little above sigma 0, where the known region still has its noise.
        """
        if self.mask is None or self.channels is not None:
            return latents
        return self.mask * latents + (1 - self.mask) * self.known


def run(request: Task[Img2ImgSettings], context: Context) -> Iterator[Output]:
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
    picture = canvas.prepare(settings, request.images["image"], request.images.get("mask"))
    yield from conduct(
        Needs.of(settings),
        context,
        lambda held: drawn(request, picture, stage_of(settings, held.model, context)),
    )


def drawn(
    request: Task[Img2ImgSettings],
    picture: Canvas,
    stage: Stage[Img2ImgSettings],
    guide: Guide | None = None,
) -> Iterator[Output]:
    """Runs one request whose picture is prepared and whose model is leased.

    Args:
        request: As for `run`.
        picture: From `canvas.prepare`.
        stage: Of the request's settings.
        guide: What steers the network besides the prompt.

    Yields:
        As `run`.
    """
    settings, model, context = stage.settings, stage.model, stage.context
    context.report(Progress("encoding"))
    noise = make_noise(settings, model, start_draw(model))
    source = make_source(picture, model, context, noise, inverts=settings.start_noise == "inverted")
    told: dict[str, object] = {}
    views: dict[str, Pixels] = {}
    mix = mix_of(stage)
    if settings.start_noise == "inverted" and request.branch is None:
        starts = [first_step(settings, strength, stage.schedule) for strength in settings.ladder]
        found = inverted(stage, source.known[:1], starts, mix)
        source = replace(source, inverted=found.starts)
        told, views = found.facts, {"reconstruction": found.reconstruction}
    drawing = _Drawing(stage, source, guide, mix)
    if len(settings.ladder) == 1:
        latents = drive(drawing.single(_origin(request, stage, noise, source), noise))
    else:
        latents = drive(drawing.ladder())
    context.report(Progress("decoding"))
    if settings.lora_uses:
        told |= {"lora_hashes": mix.hashes}
    rungs = [source.kept(rung) for rung in latents.chunk(len(settings.ladder))]
    for place, strength in enumerate(settings.ladder):
        alone = settings.model_copy(update={"strength": strength, "strengths": ()})
        for output in record.outputs(
            replace(stage, settings=alone),
            rungs[place],
            told | _facts(settings, strength, stage.schedule, request),
            first=place * settings.batch_size,
            finish=picture.finish,
        ):
            yield replace(output, views=views)


def start_draw(model: Checkpoint) -> int:
    """Which draw is the noise of the start: a picture that is shown to the model is not sampled."""
    return 0 if model.info.anatomy.can.edits else START_DRAW


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
    latent_mask = picture.latent_mask(model.vae_factor)
    if latent_mask is not None:
        mask = torch.tensor(latent_mask, device=device)[None, None]
    mean, std = context.posteriors.encode(model, picture.source, context.check)
    if model.info.anatomy.can.edits:
        start = noise.draw()
        known = mean.expand_as(start)
        return Source(known, start, mask, known, noise.draws, shown=True)
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
    if source.shown and start == 0:
        return source.noise * schedule.init_scale
    if settings.masked_content != "latent_noise" or source.mask is None:
        return source.known + sigma * source.noise
    if start == 0:
        return source.noise * schedule.init_scale  # as txt2img starts
    return (1 - source.mask) * source.known + sigma * source.noise


def _origin(
    request: Task[Img2ImgSettings],
    stage: Stage[Img2ImgSettings],
    noise: NoiseSource,
    source: Source,
) -> Origin:
    settings, schedule = stage.settings, stage.schedule
    start = first_step(settings, settings.ladder[0], schedule)
    if request.branch is not None:
        return branched(request.branch, stage, noise, start)
    x = noised(settings, source, schedule, start)
    return Origin(schedule, x, start=start, began=start)


def first_step(settings: Img2ImgSettings, strength: float, schedule: Schedule) -> int:
    """The step of the schedule that a run of that strength begins with."""
    return schedule.steps - settings.model_steps(strength)


@dataclass(frozen=True, eq=False)
class _Drawing:
    """What runs of one request have in common.

    Attributes:
        stage: Of the request.
        source: The picture.
        guide: What steers the network besides the prompt.
        mix: Its LoRAs.
    """

    stage: Stage[Img2ImgSettings]
    source: Source
    guide: Guide | None
    mix: RunMix

    def single(self, begin: Origin, noise: NoiseSource) -> Run:
        """One strength, from its start or from the stored step of an earlier run."""

        def make(stage: Stage[Img2ImgSettings]) -> Denoiser:
            return replace(self, stage=stage).denoiser(begin.span)

        live = Live(self.stage, begin, self.mix, make)

        def walk() -> Sampled:
            return Sampled.of(self.stage.settings, live.made(), begin, noise)

        watch = Shown(self.stage, begin.counted, begin.before)
        return Run(walk, watch, (self.mix,), begin.skipped, live.follow)

    def ladder(self) -> Run:
        """Several strengths from the same noise, each with one call of the model for all."""
        settings, schedule = self.stage.settings, self.stage.schedule
        starts = [first_step(settings, strength, schedule) for strength in settings.ladder]

        def walk() -> SideBySide:
            shared = self.denoiser(Span(schedule)) if self._whole else None
            return SideBySide(self.stage, [self._lane(start, shared) for start in starts])

        return Run(walk, Shown(self.stage, min(starts)), (self.mix,))

    @property
    def _whole(self) -> bool:
        """Whether what steers acts alike in all of a run, wherever that begins."""
        settings, guide = self.stage.settings, self.guide
        whole = settings.guidance_start <= 0 and settings.guidance_end >= 1 and not settings.refers
        return whole and (guide is None or guide.whole) and not prompt_timeline.changes(settings)

    def _lane(self, start: int, shared: Denoiser | None) -> Lane:
        model = self.stage.model
        noise = make_noise(self.stage.settings, model, start_draw(model))
        noise.skip_to(self.source.draws)
        # Parts of a run are counted from its own start, so each asks for its own guidance.
        denoiser = shared or self.denoiser(Span(self.stage.schedule, start))
        x = noised(self.stage.settings, self.source, self.stage.schedule, start)
        return Lane(denoiser, start, x, noise, self.source.known)

    def denoiser(self, span: Span) -> Denoiser:
        """The guided model; an ordinary one is kept to the source outside the mask.

        An inpainting model was trained to keep what it is shown there; diffusers leaves it alone
        too.
        """
        source, schedule = self.source, self.stage.schedule
        base = (
            None
            if self.guide is None
            else self.guide.base(self.stage.settings, span, source.channels)
        )
        denoiser = make_denoiser(
            self.stage, span, self.mix.text_key, channels=source.channels, base=base, mix=self.mix
        )
        if source.mask is None or source.channels is not None:
            return denoiser
        pure = None
        if self.stage.settings.masked_content == "latent_noise":
            pure = schedule.levels[0], schedule.init_scale
        return guidance.masked(denoiser, source.known, source.mask, source.noise, pure)


def _facts(
    settings: Img2ImgSettings, strength: float, schedule: Schedule, request: Task[Img2ImgSettings]
) -> dict[str, object]:
    """What labels a picture of a ladder, and which pictures it was made from."""
    return {
        "sigma": schedule.levels[first_step(settings, strength, schedule)],
        "steps": settings.model_steps(strength),
        **record.input_facts(request.images),
    }


MODE = PictureMode(Img2ImgSettings, run)
