"""LoRAs side by side: the same seed without any, with each alone, with all together.

All variants go down the schedule together, one after the other at each step, so that their
predictions appear next to each other; each is what it would be alone, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from backend.contracts.events import Output, Progress
from backend.contracts.requests import Request
from backend.contracts.settings import LoraMixSettings
from backend.models.checkpoint import Checkpoint
from backend.modes import parts, txt2img
from backend.modes.context import Context
from backend.modes.leasing import leased
from backend.modes.mixing import RunMix, mixed
from backend.sampling.lockstep import Lane, lockstep
from backend.sampling.types import Denoiser, Level, Schedule


class _Under:
    """A denoiser that puts its LoRAs into the weights before each call.

    Attributes:
        step: The step that runs now.
    """

    def __init__(self, denoiser: Denoiser, mix: RunMix, chosen: tuple[int, ...]) -> None:
        self.step = 0
        self._denoiser, self._mix, self._chosen = denoiser, mix, chosen

    def __call__(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        self._mix.at(self.step, self._chosen)
        return self._denoiser(x, level)


def run(request: Request, context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `LoraMixSettings`; `branch` goes on from a stored step, where
            nothing is compared.
        context: The job's surroundings.

    Yields:
        One `Output` a picture; of several variants, all seeds of the first come first.
    """
    settings = request.settings
    assert isinstance(settings, LoraMixSettings)
    if not settings.compare:
        yield from txt2img.run(request, context)
        return
    context.report(Progress("loading", note=f"Loading {settings.model}"))
    with leased(context.models, settings) as model:
        schedule = parts.make_schedule(settings, model)
        with mixed(settings, model, context) as mix:
            context.report(Progress("encoding"))
            under = [
                _variant(settings, model, schedule, context, mix, chosen)
                for _, chosen in settings.variants
            ]
            lanes = [_lane(settings, model, schedule, denoiser) for denoiser in under]
            context.steps.begin(settings, model.previewer)
            x = torch.cat([lane.x for lane in lanes])
            for step in lockstep(settings.sampler, lanes, schedule, eta=settings.eta):
                context.steps.step(step)
                x = step.x
                for denoiser in under:
                    denoiser.step = step.index + 1
            hashes = mix.hashes
        context.report(Progress("decoding"))
        latents = (x * schedule.final_scale).chunk(len(lanes))
        for place, (label, chosen) in enumerate(settings.variants):
            names = {settings.acting_loras[i].name for i in chosen}
            facts = {
                "compared": label,
                "lora_hashes": {name: hashes[name] for name in hashes if name in names},
            }
            yield from parts.outputs(
                settings.alone(place),
                model,
                latents[place],
                context,
                facts,
                first=place * settings.batch_size,
            )


def _variant(
    settings: LoraMixSettings,
    model: Checkpoint,
    schedule: Schedule,
    context: Context,
    mix: RunMix,
    chosen: tuple[int, ...],
) -> _Under:
    """The model under the rows `chosen`, the prompt encoded under them too."""
    mix.whole(chosen)
    denoiser = parts.make_denoiser(settings, model, schedule, context.check, mix.key_of(chosen))
    return _Under(denoiser, mix, chosen)


def _lane(
    settings: LoraMixSettings, model: Checkpoint, schedule: Schedule, denoiser: Denoiser
) -> Lane:
    """Starts as txt2img starts; every lane draws the same noise from a source of its own."""
    noise = parts.make_noise(settings, model)
    x = noise.draw() * schedule.init_scale
    return Lane(denoiser, 0, x, noise, x)
