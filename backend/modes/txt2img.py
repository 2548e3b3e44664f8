"""A picture from a prompt: text -> conditioning -> the one loop -> decode."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from backend.contracts.events import Output, Progress
from backend.contracts.settings import Txt2ImgSettings
from backend.models.checkpoint import Checkpoint
from backend.modes import cascade, hires
from backend.modes.context import Context
from backend.modes.guide import make_denoiser
from backend.modes.hires import Drawn
from backend.modes.leasing import Held, Needs
from backend.modes.live import Live
from backend.modes.mixing import mix_of
from backend.modes.mode import PictureMode, Task
from backend.modes.record import outputs
from backend.modes.run import Run, Sampled, conduct, drive
from backend.modes.stage import stage_of
from backend.modes.start import make_noise, origin
from backend.modes.watching import Shown


def run(request: Task[Txt2ImgSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `Txt2ImgSettings`; `branch` goes on from a stored step.
        context: The job's surroundings.

    Yields:
        One `Output` a picture, in the order of the seeds.
    """
    if request.settings.later:
        return cascade.run(request, context, _first)
    return conduct(Needs.of(request.settings), context, partial(_drawn, request, context))


def _drawn(request: Task[Txt2ImgSettings], context: Context, held: Held) -> Iterator[Output]:
    settings, model = request.settings, held.model
    if hires.begins_late(request, context):
        drawn = hires.go_on(request, model, context)
    else:
        again = settings.second_stage if settings.hires else None
        after = again.model_steps(settings.hires_denoise) if again is not None else 0
        drawn = _first(request, model, context, after)
        if settings.hires:
            drawn = hires.redraw(settings, drawn, model, context)
    context.report(Progress("decoding"))
    facts = {"lora_hashes": drawn.hashes} if settings.lora_uses else {}
    yield from outputs(stage_of(settings, model, context), drawn.latents, facts)


def _first(
    request: Task[Txt2ImgSettings], model: Checkpoint, context: Context, after: int
) -> Drawn:
    """The first stage, mostly the only one; `after` it come so many steps."""
    stage = stage_of(request.settings.first_stage, model, context)
    settings = stage.settings
    noise = make_noise(settings, model)
    begin = origin(request.branch, stage, noise)
    mix = mix_of(stage)
    live = Live(
        stage, begin, mix, lambda now: make_denoiser(now, begin.span, mix.text_key, mix=mix)
    )

    def walk() -> Sampled:
        context.report(Progress("encoding"))
        return Sampled.of(settings, live.made(), begin, noise)

    watch = Shown(stage, before=begin.before, after=after)
    return Drawn(drive(Run(walk, watch, (mix,), begin.skipped, live.follow)), mix.hashes)


MODE = PictureMode(Txt2ImgSettings, run)
