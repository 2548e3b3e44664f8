"""A picture from a prompt: text -> conditioning -> the one loop -> decode."""

from __future__ import annotations

from collections.abc import Iterator

from backend.contracts.events import Output, Progress
from backend.contracts.settings import Txt2ImgSettings
from backend.models.checkpoint import Checkpoint
from backend.modes import cascade, hires
from backend.modes.context import Context
from backend.modes.guide import make_denoiser
from backend.modes.hires import Drawn
from backend.modes.leasing import leased
from backend.modes.mixing import mixed
from backend.modes.mode import PictureMode, Task
from backend.modes.record import outputs
from backend.modes.run import Run, Sampled, Shown, drive
from backend.modes.stage import stage_of
from backend.modes.start import make_noise, origin


def run(request: Task[Txt2ImgSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `Txt2ImgSettings`; `branch` goes on from a stored step.
        context: The job's surroundings.

    Yields:
        One `Output` a picture, in the order of the seeds.
    """
    settings = request.settings
    context.report(Progress("loading", note=f"Loading {settings.model}"))
    if settings.later:
        yield from cascade.run(request, context, _draw)
        return
    with leased(context.models, settings) as model:
        if hires.begins_late(request, context):
            drawn = hires.go_on(request, model, context)
        else:
            again = settings.second_stage if settings.hires else None
            after = again.model_steps(settings.hires_denoise) if again is not None else 0
            drawn = _draw(request, model, context, after)
            if settings.hires:
                drawn = hires.redraw(settings, drawn, model, context)
        context.report(Progress("decoding"))
        facts = {"lora_hashes": drawn.hashes} if settings.acting_loras else {}
        yield from outputs(stage_of(settings, model, context), drawn.latents, facts)


def _draw(request: Task[Txt2ImgSettings], model: Checkpoint, context: Context, after: int) -> Drawn:
    """The first stage, mostly the only one; `after` it come so many steps."""
    stage = stage_of(request.settings.first_stage, model, context)
    settings = stage.settings
    noise = make_noise(settings, model)
    begin = origin(request.branch, stage, noise)
    with mixed(settings, model, context) as mix:
        context.report(Progress("encoding"))
        denoiser = make_denoiser(stage, begin.span, mix.text_key)
        latents = drive(
            Run(
                Sampled(settings.sampler, denoiser, begin, noise, settings.eta, settings.variance),
                Shown(stage, before=begin.before, after=after),
                follow=lambda step: mix.at(begin.skipped + step),
            )
        )
        return Drawn(latents, mix.hashes)


MODE = PictureMode(Txt2ImgSettings, run)
