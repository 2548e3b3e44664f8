"""LoRAs side by side: the same seed without any, with each alone, with all together.

All variants go down the schedule together, one after the other at each step, so that their
predictions appear next to each other; each is what it would be alone, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from backend.contracts.events import Output, Progress
from backend.contracts.settings import LoraMixSettings
from backend.modes import txt2img
from backend.modes.context import Context
from backend.modes.guide import make_denoiser
from backend.modes.leasing import Held, Needs
from backend.modes.mixing import RunMix, mix_of
from backend.modes.mode import PictureMode, Task
from backend.modes.record import outputs
from backend.modes.run import Run, SideBySide, Steady, conduct, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Span, make_noise
from backend.modes.watching import Shown
from backend.sampling.lockstep import Lane
from backend.sampling.types import Denoiser, Level


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


def run(request: Task[LoraMixSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `LoraMixSettings`; `branch` goes on from a stored step, where
            nothing is compared.
        context: The job's surroundings.

    Yields:
        One `Output` a picture; of several variants, all seeds of the first come first.
    """
    if not request.settings.compare:
        return txt2img.run(request, context)
    return conduct(Needs.of(request.settings), context, partial(_compared, request, context))


def _compared(request: Task[LoraMixSettings], context: Context, held: Held) -> Iterator[Output]:
    settings = request.settings
    stage = stage_of(settings, held.model, context)
    mix = mix_of(stage)
    under: list[_Under] = []

    def walk() -> SideBySide:
        context.report(Progress("encoding"))
        under.extend(_variant(stage, mix, chosen) for _, chosen in settings.variants)
        return SideBySide(stage, [_lane(stage, denoiser) for denoiser in under])

    def follow(step: int) -> None:
        for denoiser in under:
            denoiser.step = step

    drawn = drive(Run(walk, Shown(stage), (Steady(mix),), follow=follow))
    context.report(Progress("decoding"))
    latents = drawn.chunk(len(settings.variants))
    for place, (label, chosen) in enumerate(settings.variants):
        names = {settings.acting_loras[i].name for i in chosen}
        facts = {
            "compared": label,
            "lora_hashes": {name: found for name, found in mix.hashes.items() if name in names},
        }
        yield from outputs(
            replace(stage, settings=settings.alone(place)),
            latents[place],
            facts,
            first=place * settings.batch_size,
        )


def _variant(stage: Stage[LoraMixSettings], mix: RunMix, chosen: tuple[int, ...]) -> _Under:
    """The model under the rows `chosen`, the prompt encoded under them too."""
    mix.whole(chosen)
    denoiser = make_denoiser(stage, Span(stage.schedule), mix.key_of(chosen))
    return _Under(denoiser, mix, chosen)


def _lane(stage: Stage[LoraMixSettings], denoiser: Denoiser) -> Lane:
    """Starts as txt2img starts; every lane draws the same noise from a source of its own."""
    noise = make_noise(stage.settings, stage.model)
    x = noise.draw() * stage.schedule.init_scale
    return Lane(denoiser, 0, x, noise, x)


MODE = PictureMode(LoraMixSettings, run)
