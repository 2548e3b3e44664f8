"""A model of drawn digits, trained from nothing as a job that steps aside, with its samples.

The job's outputs are sheets of digits, always of the same noise, drawn by the model as it was
after so many steps; its info holds `training`: the loss curve, the steps of those sheets, and at
last the name of the model.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from backend.contracts.errors import BadInput, LoomError
from backend.contracts.events import Output, Pixels, Progress, Record
from backend.contracts.requests import ModeRequest, TrainDigitsRequest
from backend.contracts.settings.train_digits import TrainDigitsSettings
from backend.models.denoiser.pixel_unet import PixelUnet
from backend.modes.context import Context
from backend.modes.run import Run, Sampled, drive
from backend.modes.start import Origin
from backend.modes.told import Told
from backend.modes.watching import Unseen
from backend.sampling import schedule as schedules
from backend.sampling.config import SchedulerConfig
from backend.sampling.noise import SeededNoise
from backend.training.digits.drawn import CLASSES, SIDE_PX, sheet
from backend.training.digits.fit import DigitFit, DigitStep
from backend.training.digits.network import SCHEDULER
from backend.training.digits.state import state_path

ROWS = 4  # of a sheet; each is the digits 0 to 9
SHEET_STEPS = 20
SAMPLER = "ddim"


def check(request: TrainDigitsRequest, folder: Path) -> None:
    """Refuses what cannot be trained, before it waits in the queue.

    Args:
        request: What is asked for.
        folder: Where checkpoints lie.

    Raises:
        BadInput: Says what to change.
    """
    settings = request.settings
    if (folder / settings.name).exists():
        raise BadInput(f"There is a model '{settings.name}' already; choose another name.", "name")
    if settings.resume and not state_path(folder, settings.name).is_file():
        raise BadInput(
            f"There is no stopped training of '{settings.name}' to go on with; start it instead.",
            "name",
        )


def run(request: TrainDigitsRequest, context: Context) -> Iterator[Output]:
    """Runs one training.

    Args:
        request: What is asked for.
        context: The job's surroundings; its folder of checkpoints takes the model.

    Yields:
        The sheets.

    Raises:
        NumericalProblem: The loss is not finite; the last state is kept.
    """
    settings, models = request.settings, context.checkpoints
    if models is None:
        raise BadInput("Nothing is trained here.")
    context.report(Progress("encoding", note="Drawing the digits"))
    fit = DigitFit(settings, models.checkpoint_folder, context.check)
    told = Told(context, settings.name)
    sheets, shown = 0, 0.0
    steps = fit.steps()
    for step in steps:
        told.step(step.step, step.total, step.loss, last=step.last, eta_s=_left_s(settings, step))
        if step.last or not sheets or time.monotonic() - shown >= settings.sheet_every_s:
            try:
                drawn = draw_sheet(fit, context)
                told.validated(step.step)
                yield _output(settings, step, drawn)
            except LoomError as stop:
                steps.throw(stop)
            sheets, shown = sheets + 1, time.monotonic()
    models.refresh()
    told.finished(model=settings.name)


def _left_s(settings: TrainDigitsSettings, step: DigitStep) -> float | None:
    return None if settings.steps is not None else max(0.0, settings.minutes * 60.0 - step.seconds)


@torch.no_grad()
def draw_sheet(fit: DigitFit, context: Context, rows: int = ROWS, seed: int = 0) -> Pixels:
    """Digits by the model as it is now, in rows of 0 to 9: (32 rows, 320, 3).

    Args:
        fit: Whose model.
        context: Asked before each call of the model whether it is to go on.
        rows: How many of each digit.
        seed: Of the first picture's noise.
    """
    network = PixelUnet(fit.average, "v_prediction")
    labels = torch.arange(rows * CLASSES) % CLASSES
    config = SchedulerConfig.from_dict(SCHEDULER)
    made = schedules.make(SAMPLER, "model", SHEET_STEPS, config)
    schedule = replace(made, bounds=config.bounds)
    seeds = range(seed, seed + len(labels))
    noise = SeededNoise(seeds, (1, SIDE_PX, SIDE_PX))
    origin = Origin(schedule, noise.draw() * schedule.init_scale)
    denoiser = network.denoiser((), context.check, labels=labels)
    walk = Sampled(SAMPLER, denoiser, origin, noise)
    x0 = drive(Run(lambda: walk, Unseen()))
    grey = ((x0[:, 0].clamp(-1, 1) + 1) * 127.5).round().to("cpu", torch.uint8).numpy()
    return np.repeat(sheet(grey, CLASSES)[..., None], 3, axis=-1)


def _output(settings: TrainDigitsSettings, step: DigitStep, drawn: Pixels) -> Output:
    record = Record(
        settings.mode,
        settings.model_dump(mode="json"),
        {"name": settings.name, "hash": ""},
        {"training_step": step.step},
    )
    return Output(step.step, drawn, record)


class TrainDigitsMode:
    """A training from nothing as a job."""

    @property
    def name(self) -> str:
        """What settings call it."""
        return TrainDigitsSettings.mode

    def run(self, request: ModeRequest, context: Context) -> Iterator[Output]:
        """Trains, and yields the sheets."""
        if not isinstance(request, TrainDigitsRequest):
            raise TypeError("a training of digits has settings of its own")
        return run(request, context)


MODE = TrainDigitsMode()
