"""A LoRA learned in the studio: the fit as a job that steps aside, with its loss and pictures.

The job's outputs are the validation pictures, one seed and prompt under the LoRA as it was after
so many steps; its info holds `training`: the loss curve, the steps of those pictures, and at last
the name of the LoRA.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from backend.contracts.errors import BadInput, LoomError
from backend.contracts.events import Output, Progress
from backend.contracts.requests import ModeRequest, TrainLoraRequest
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.train_lora import TrainLoraSettings
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.modes.context import Context
from backend.modes.guide import make_denoiser
from backend.modes.leasing import Held, Needs
from backend.modes.record import recorded
from backend.modes.run import Run, Sampled, conduct, drive
from backend.modes.stage import stage_of
from backend.modes.start import fresh, make_noise
from backend.modes.told import Told
from backend.modes.watching import Unseen
from backend.training.config import TrainingConfig
from backend.training.data import Picture
from backend.training.lora import fit, prepare

VALIDATIONS = 8  # where nothing is said, so many pictures of a training
VALIDATION_STEPS = 20
_TRAINED_WITH = (
    "rank",
    "convolutions",
    "learning_rate",
    "lr_schedule",
    "epochs",
    "steps",
    "resolution",
    "noise_offset",
    "accumulation",
    "min_snr_gamma",
    "seed",
    "checkpoint_every",
)


def config_of(settings: TrainLoraSettings, folder: Path) -> TrainingConfig:
    """The fit of resolved settings, its file in the LoRA folder."""
    values = {name: getattr(settings, name) for name in _TRAINED_WITH}
    return TrainingConfig(output=folder / f"{settings.name}.safetensors", **values)


def check(request: TrainLoraRequest, info: ModelInfo, folder: Path) -> None:
    """Refuses what cannot be trained, before it waits in the queue.

    Args:
        request: With resolved settings.
        info: The checkpoint.
        folder: Where the LoRA goes.

    Raises:
        BadInput: Says what to change.
    """
    settings = request.settings
    if not info.anatomy.can.training:
        why = "is of a kind that cannot be trained here"
        if not info.anatomy.can.from_noise:
            why = "is an inpainting model"
        raise BadInput(f"'{info.name}' {why}; choose another to train on.", "model")
    config = config_of(settings, folder)
    if settings.resume:
        if not config.state_path.is_file():
            raise BadInput(
                f"There is no stopped training of '{settings.name}' to go on with; "
                "start it instead.",
                "name",
            )
    elif config.output.exists():
        raise BadInput(f"There is a LoRA '{settings.name}' already; choose another name.", "name")


def run(request: TrainLoraRequest, context: Context) -> Iterator[Output]:
    """Runs one training.

    Args:
        request: With resolved settings.
        context: The job's surroundings; its LoRA folder takes the file.

    Yields:
        The validation pictures.

    Raises:
        NumericalProblem: The loss is not finite; the last checkpoint is kept.
    """
    told = Told(context, request.settings.name)
    needs = Needs(request.settings.model)
    yield from conduct(needs, context, partial(_trained, request, context, told))
    context.loras.changed()
    told.finished(lora=request.settings.name)


def _trained(
    request: TrainLoraRequest, context: Context, told: Told, held: Held
) -> Iterator[Output]:
    settings, model = request.settings, held.model
    context.report(Progress("encoding", note="Reading the pictures"))
    pictures = [Picture(p.name, p.image, p.caption or settings.caption) for p in request.pictures]
    examples = prepare(model, pictures, settings.resolution, context.check)
    config = config_of(settings, context.loras.folder)
    drawing = _drawing(settings, model, pictures[0].caption)
    every = _validate_every(settings, config.total_steps(len(examples)))
    steps = fit(
        config,
        model,
        examples,
        context.check,
        resume=settings.resume,
        interludes=context.interludes,
    )
    for step in steps:
        last = step.step == step.total
        told.step(step.step, step.total, step.loss, last=last)
        if every and (step.step % every == 0 or last):
            try:
                yield _validation(drawing, model, context, step.step, told)
            except LoomError as stop:
                steps.throw(stop)


def _validate_every(settings: TrainLoraSettings, total: int) -> int:
    if settings.validation_every is not None:
        return settings.validation_every
    return max(1, -(-total // VALIDATIONS))


def _drawing(settings: TrainLoraSettings, model: Checkpoint, caption: str) -> Txt2ImgSettings:
    """How validation pictures are drawn: as txt2img would by itself, on the training's size."""
    side = settings.resolution
    drawn = Txt2ImgSettings.model_validate(
        {
            "prompt": settings.validation_prompt or caption,
            "model": settings.model,
            "width": side,
            "height": side,
            "seed": settings.validation_seed,
            "steps": VALIDATION_STEPS,
        }
    )
    return drawn.resolved(
        native_size=model.native_size,
        guidance_scale=model.info.card.guidance_scale,
        seed=settings.validation_seed,
        variation_seed=0,
    )


@torch.no_grad()
def _validation(
    settings: Txt2ImgSettings, model: Checkpoint, context: Context, step: int, told: Told
) -> Output:
    stage = stage_of(settings, model, context)
    noise = make_noise(settings, model)
    begin = fresh(stage, noise)
    denoiser = make_denoiser(stage, begin.span)
    walk = Sampled.of(settings, denoiser, begin, noise)
    image = model.codec.decode(drive(Run(lambda: walk, Unseen())), context.check)[0]
    told.validated(step)
    return Output(step, image, recorded(settings, model, {"training_step": step}))


class TrainingMode:
    """A training as a job."""

    @property
    def name(self) -> str:
        """What settings call it."""
        return TrainLoraSettings.mode

    def run(self, request: ModeRequest, context: Context) -> Iterator[Output]:
        """Fits, and yields the validation pictures."""
        if not isinstance(request, TrainLoraRequest):
            raise TypeError("a training has pictures to learn from")
        return run(request, context)


MODE = TrainingMode()
