"""One level of noise: the noisy latents decoded, and the picture that one model call foretells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.lab.facts import Noised
from backend.contracts.lab.latents import NoiseAtSettings
from backend.modes.context import Context
from backend.modes.guide import make_denoiser
from backend.modes.lab.latents import levels_of
from backend.modes.leasing import Held, Needs
from backend.modes.mode import PictureMode, Task
from backend.modes.record import recorded
from backend.modes.run import conduct
from backend.modes.stage import stage_of
from backend.modes.start import Span, make_noise
from backend.pictures.difference import psnr
from backend.pictures.fit import fit


def run(request: Task[NoiseAtSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `NoiseAtSettings`; a picture "image" may be among its pictures.
        context: The job's surroundings.

    Yields:
        The decoded x_t, and the decoded x0 that one step makes of it.
    """
    needs = Needs.of(request.settings)
    yield from conduct(needs, context, partial(_looked, request, context))


def _looked(request: Task[NoiseAtSettings], context: Context, held: Held) -> Iterator[Output]:
    settings, model = told(request.settings), held.model
    stage = stage_of(settings, model, context)
    schedule = stage.schedule
    noise = make_noise(settings, model).draw()
    original: Pixels | None = None
    if "image" in request.images:
        original = fit(request.images["image"], *settings.drawn_size).image
        context.report(Progress("encoding"))
        mean, _ = context.posteriors.encode(model, original, context.check)
        index, x = settings.level, mean / schedule.final_scale
        x = x + schedule.levels[index] * noise
    else:
        index, x = 0, noise * schedule.init_scale
    context.report(Progress("sampling", total=1))
    denoiser = make_denoiser(stage, Span(schedule))
    x0 = denoiser(*schedule.asked(x, index))
    levels = levels_of(schedule)
    seen = x * levels[index].alpha
    extra = {"level": index, "timestep": levels[index].timestep}
    context.report(Progress("decoding", step=1, total=1))
    noisy = model.codec.decode(seen, context.check)[0]
    yield Output(0, noisy, recorded(settings, model, {**extra, "shows": "x_t"}))
    foretold = model.codec.decode(x0 * schedule.final_scale, context.check)[0]
    calls = 2 if (settings.guidance_scale or 0) > 1 else 1
    near = None if original is None else psnr(original, foretold)
    context.inform({"lab": asdict(Noised(levels[index], near, calls, levels))})
    yield Output(1, foretold, recorded(settings, model, {**extra, "shows": "x0"}))


def told(settings: NoiseAtSettings) -> NoiseAtSettings:
    """Without words there is nothing for guidance to pull to, and one call is enough."""
    if settings.prompt or settings.negative_prompt:
        return settings
    return settings.model_copy(update={"guidance_scale": 1.0})


MODE = PictureMode(NoiseAtSettings, run)
