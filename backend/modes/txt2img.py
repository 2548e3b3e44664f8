"""A picture from a prompt: text -> conditioning -> the one loop -> decode."""

from __future__ import annotations

from collections.abc import Iterator

from backend.events import Output, Progress
from backend.modes import parts
from backend.modes.context import Context
from backend.modes.mixing import mixed
from backend.requests import Request
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
    context.report(Progress("loading", note=f"Loading {settings.model}"))
    with context.models.lease(settings.model) as model:
        schedule = parts.make_schedule(settings, model)
        noise = parts.make_noise(settings, model)
        origin = parts.origin(request, context, model, schedule, noise)
        x = origin.x
        with mixed(settings, model, context) as mix:
            context.report(Progress("encoding"))
            denoiser = parts.make_denoiser(
                settings, model, origin.schedule, context.check, mix.text_key
            )
            context.steps.begin(settings, model.previewer)
            for stored in origin.before:
                context.steps.replay(stored)
            mix.at(origin.first)
            for step in sample(
                settings.sampler, denoiser, x, origin.schedule, noise,
                eta=settings.eta, resume=origin.resume,
            ):
                context.steps.step(step)
                x = step.x
                mix.at(step.index + 1)
        context.report(Progress("decoding"))
        latents = x * origin.schedule.final_scale
        facts = {"lora_hashes": mix.hashes} if settings.loras else {}
        yield from parts.outputs(settings, model, latents, context, facts)
