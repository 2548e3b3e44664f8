"""A picture from a prompt: text -> conditioning -> the one loop -> decode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from backend.contracts.events import Output, Progress
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.models.checkpoint import Checkpoint
from backend.modes import hires, parts
from backend.modes.context import Context
from backend.modes.hires import Drawn
from backend.modes.leasing import leased
from backend.modes.mixing import mixed
from backend.sampling.samplers import sample


def run(request: Request, context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `Txt2ImgSettings`; `branch` goes on from a stored step.
        context: The job's surroundings.

    Yields:
        One `Output` a picture, in the order of the seeds.
    """
    settings = request.settings
    assert isinstance(settings, Txt2ImgSettings)
    context.report(Progress("loading", note=f"Loading {settings.model}"))
    with leased(context.models, settings) as model:
        if hires.begins_late(request, context):
            drawn = hires.go_on(request, model, context)
        else:
            drawn = _draw(request, model, context)
            if settings.hires:
                drawn = hires.redraw(request, drawn, model, context)
        context.report(Progress("decoding"))
        facts = {"lora_hashes": drawn.hashes} if settings.acting_loras else {}
        yield from parts.outputs(settings, model, drawn.latents, context, facts)


def _draw(request: Request, model: Checkpoint, context: Context) -> Drawn:
    """The first stage, mostly the only one."""
    wanted = request.settings
    assert isinstance(wanted, Txt2ImgSettings)
    settings = wanted.first_stage
    request = replace(request, settings=settings)
    after = wanted.second_stage.model_steps(wanted.hires_denoise) if wanted.hires else 0
    schedule = parts.make_schedule(settings, model)
    noise = parts.make_noise(settings, model)
    origin = parts.origin(request, context, model, schedule, noise)
    x = origin.x
    with mixed(settings, model, context) as mix:
        context.report(Progress("encoding"))
        denoiser = parts.make_denoiser(
            settings, model, origin.schedule, context.check, mix.text_key
        )
        context.steps.begin(settings, model.previewer, after=after)
        for stored in origin.before:
            context.steps.replay(stored)
        mix.at(origin.first)
        for step in sample(
            settings.sampler,
            denoiser,
            x,
            origin.schedule,
            noise,
            eta=settings.eta,
            resume=origin.resume,
        ):
            context.steps.step(step)
            x = step.x
            mix.at(step.index + 1)
        return Drawn(x * origin.schedule.final_scale, mix.hashes)
