"""A picture made larger by a diffusion model that is shown it: x4, and a cascade's later stages.

The model draws once, at its own factor; Lanczos brings the picture to what it is shown, and the
result to the size that was asked for. A large one is denoised in tiles, see `sampling.tiled`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from backend.contracts.capabilities import Enlarging
from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels, Progress
from backend.contracts.requests import Branch
from backend.contracts.settings import EnlargingStage, Settings, UpscaleSettings
from backend.contracts.settings.upscale import MOST_PX
from backend.models.checkpoint import Checkpoint
from backend.models.memory.memory_pressure import Way, overcome
from backend.models.parts import Beside, Text
from backend.models.text.conditioning import Conditioning
from backend.models.text.remembered import Remembered
from backend.modes import enlarging
from backend.modes.conditioned import conditioned
from backend.modes.context import Context
from backend.modes.guide import make_denoiser
from backend.modes.leasing import Held, Needs
from backend.modes.one_pass import sides
from backend.modes.prompt_timeline import words_at
from backend.modes.record import facts, singles
from backend.modes.run import Run, Sampled, drive, using
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Span, branched
from backend.modes.watching import Shown
from backend.pictures.back_projection import back_projected
from backend.pictures.fit import fit
from backend.pictures.tiles import overlap
from backend.sampling.tiled import Tile, each
from backend.sampling.types import Denoiser


@dataclass(frozen=True, eq=False)
class Larger:
    """What was made.

    Attributes:
        pictures: Each (H, W, 3), of the size that was asked for, in the order of the seeds.
        hash: Of the model.
        facts: What else they depend on.
    """

    pictures: tuple[Pixels, ...]
    hash: str
    facts: dict[str, object]


def diffused(
    settings: UpscaleSettings, source: Pixels, context: Context, branch: Branch | None = None
) -> Larger:
    """The picture at the size of the settings, once for each of the batch.

    Args:
        settings: Settled, of one way; its upscaler is a diffusion model.
        source: (h, w, 3).
        context: The job's surroundings.
        branch: The stored step to go on from.
    """
    context.report(Progress("loading", note=f"Loading {settings.upscaler}"))
    named = settings.model_copy(update={"model": settings.upscaler, "vae": ""})
    work = partial(_with, settings, source, context, branch)
    return using(Needs.of(named), context, work)


def _with(
    settings: UpscaleSettings, source: Pixels, context: Context, branch: Branch | None, held: Held
) -> Larger:
    model, (width, height) = held.model, settings.drawn_size
    after = settings.redrawing.model_steps(settings.strength) if settings.redraws else 0
    can = _enlarging(model)
    small = shown(source, (width, height), model)
    own = settings.enlarging_stage(
        small.shape[1] * can.factor,
        small.shape[0] * can.factor,
        model.info.anatomy.can.sampler or settings.sampler,
    )
    stage = stage_of(own, model, context)
    latents = drawn(stage, small, settings.tile, after=after, branch=branch, text=reader(stage))
    context.report(Progress("decoding"))
    pictures = tuple(
        _fitted(finished(model, model.codec.decode(row, context.check)[0], small), width, height)
        for row in singles(latents)
    )
    return Larger(pictures, model.hash, facts(model))


def finished(model: Checkpoint, picture: Pixels, small: Pixels) -> Pixels:
    """What a model drew beside a small picture, with its colours where the model's card says so."""
    return back_projected(picture, small) if _enlarging(model).faithful else picture


def shown(source: Pixels, size_px: tuple[int, int], model: Checkpoint) -> Pixels:
    """The small picture (h, w, 3) that a model is given to reach a size."""
    height, width = source.shape[:2]
    sizes = model.info.anatomy.sizes
    return _fitted(source, *_enlarging(model).shown_px((width, height), size_px, sizes, MOST_PX))


def drawn(
    stage: Stage[EnlargingStage],
    small: Pixels | torch.Tensor,
    tile_px: int,
    *,
    after: int = 0,
    branch: Branch | None = None,
    continues: bool = False,
    text: Text | None = None,
) -> torch.Tensor:
    """Latents (B, C, h, w) of the enlarged picture, from noise or on from a stored step.

    Args:
        stage: Its size is the result's.
        small: See `enlarging.begin`.
        tile_px: Side of the tiles, px of the small picture; 0 is all at once. Where memory runs
            short they are halved.
        after: Steps of the stages to come.
        branch: See `diffused`.
        continues: It follows another stage of the same run.
        text: Who embeds the prompts, where that is not the model itself.

    Raises:
        OutOfMemory: Not even small tiles fit.
    """
    watch = partial(Shown, stage, after=after, continues=continues)
    longest = max(stage.settings.drawn_size) // _enlarging(stage.model).factor
    return overcome(
        (
            Way(
                partial(_drawn, stage, small, side, watch, branch, text),
                ""
                if side == tile_px
                else f"Memory was short, so it went on in tiles of {side} px.",
            )
            for side in sides(tile_px, longest)
        ),
        "There is not enough memory to enlarge this, not even in small tiles.",
        refused=True,
    )


def _drawn(
    stage: Stage[EnlargingStage],
    small: Pixels | torch.Tensor,
    tile_px: int,
    watch: Callable[..., Shown],
    branch: Branch | None,
    text: Text | None,
) -> torch.Tensor:
    """`drawn` in tiles of that side."""
    settings, context = stage.settings, stage.context
    context.report(Progress("encoding"))
    begun = enlarging.begin(stage, small, settings.noise_level)
    origin = begun.origin
    if branch is not None:
        origin = branched(branch, stage, begun.noise)

    def walk() -> Sampled:
        denoiser = _tiled(stage, origin.span, begun.beside, tile_px, text)
        return Sampled.of(settings, denoiser, origin, begun.noise)

    return drive(Run(walk, watch(before=origin.before)))


def reader(stage: Stage[EnlargingStage]) -> Text | None:
    """The prompts embedded by the model that reads for this one, which is not kept for it."""
    name = stage.model.info.reader
    if not name:
        return None
    context = stage.context
    context.report(Progress("encoding", note=f"Reading the prompt with {name}"))
    return using(Needs(name), context, lambda held: read_ahead(held.model.text, [stage.settings]))


def read_ahead(text: Text, runs: Iterable[Settings]) -> Remembered:
    """The prompts of some runs, embedded."""
    kept = Remembered(text)
    for settings in runs:
        for words in words_at(settings, settings.steps):
            conditioned(words, settings.prompt_mix, partial(_kept, kept, settings.clip_skip))
            kept.unconditional(words.negative, settings.clip_skip)
    kept.leave()
    return kept


def _kept(text: Remembered, clip_skip: int, prompt: str) -> Conditioning:
    return text.encode([prompt], clip_skip)


def _tiled(
    stage: Stage[EnlargingStage], span: Span, beside: Beside, tile_px: int, text: Text | None
) -> Denoiser:
    """The model under guidance, in tiles where the picture is larger than one."""
    # A position of x is a pixel of the result in a model of pixels, of the small picture in x4.
    scale = _enlarging(stage.model).factor // stage.model.vae_factor
    height, width = beside.channels.shape[2:]

    def make(tile: Tile) -> Denoiser:
        seen = tile.of(beside.channels)
        return make_denoiser(stage, span, channels=seen, labels=beside.labels, text=text)

    return each(height, width, tile_px * scale, overlap(tile_px) * scale, make)


def _enlarging(model: Checkpoint) -> Enlarging:
    can = model.info.anatomy.can.enlarges
    if can is None:
        raise BadInput(f"'{model.name}' enlarges no picture; choose an upscaler.", "upscaler")
    return can


def _fitted(picture: Pixels, width_px: int, height_px: int) -> Pixels:
    if picture.shape[:2] == (height_px, width_px):
        return picture
    return np.ascontiguousarray(fit(picture, width_px, height_px, "crop").image)
