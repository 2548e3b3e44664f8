"""What pulls at a stage's run, as its settings ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import torch

from backend.contracts.settings import Settings
from backend.contracts.settings.colours import palette_of, places_of, rgb
from backend.contracts.settings.steer import SteerFields
from backend.models.checkpoint import Checkpoint
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.sampling import losses, steering
from backend.sampling.steering import Loss, Steering
from backend.sampling.types import Denoiser

CHANNELS = ("red", "green", "blue")


def steered(stage: Stage[Settings], span: Span, denoiser: Denoiser) -> Denoiser:
    """The denoiser under the settings' pull; the same one where nothing pulls.

    Args:
        stage: Whose settings and model.
        span: What parts of the run are counted over.
        denoiser: The model under guidance.
    """
    settings = stage.settings
    if not isinstance(settings, SteerFields) or not settings.steers:
        return denoiser
    levels = steering.pushing(
        span.schedule, settings.steer_every, span.first, settings.steer_start, settings.steer_end
    )
    pull = Steering(loss_of(settings), settings.steer_scale, settings.steer_every, levels)
    steps = {level: step for step, level in enumerate(span.schedule.levels)}

    def tell(level: float, losses: torch.Tensor) -> None:
        stage.context.steps.pulled(steps[level] - span.first, losses)

    return steering.steered(denoiser, decoder(stage.model, settings), pull, tell)


def loss_of(settings: SteerFields) -> Loss:
    """The loss that the settings name."""
    target = settings.steer_target
    match settings.steer:
        case "red" | "green" | "blue":
            return losses.channel(CHANNELS.index(settings.steer), target)
        case "colour":
            return losses.colour(rgb(settings.steer_colour))
        case "brightness":
            return losses.brightness(target)
        case "contrast":
            return losses.contrast(target)
        case "saturation":
            return losses.saturation(target)
        case "sharpness":
            return losses.sharpness(target)
        case "symmetry":
            return losses.symmetry()
        case "palette":
            found = palette_of(settings.steer_palette)
            return losses.palette([tint for tint, _ in found], [share for _, share in found])
        case "places":
            return losses.places(places_of(settings.steer_places))
        case "off":
            raise ValueError("nothing pulls")
        case _ as never:
            assert_never(never)


def decoder(model: Checkpoint, settings: SteerFields) -> Callable[[torch.Tensor], torch.Tensor]:
    """x0 (B, C, h, w) -> pictures (B, 3, H, W) about in [0, 1], differentiable."""
    render = model.codec.pixels
    match settings.steer_through:
        case "fast":
            render = model.previewer("fast").render or render
        case "auto":
            tiny = model.previewer("tiny")
            render = (tiny.render if tiny.kind == "tiny" else None) or render
        case "full":
            pass

    def decode(x0: torch.Tensor) -> torch.Tensor:
        return render(x0) / 2.0 + 0.5

    return decode
