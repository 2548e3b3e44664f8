"""Where a run begins whose model is shown a small picture beside the noise.

An upscaler and the later stages of a cascade are such models. A mode takes what `begin` gives and
runs it as any other: `make_denoiser(stage, begun.origin.span, channels=begun.beside.channels,
labels=begun.beside.labels)`, `Sampled(sampler, denoiser, begun.origin, begun.noise)`, `drive`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from backend.contracts.errors import BadInput
from backend.contracts.settings import Settings
from backend.models.autoencoder.uint8 import to_signed
from backend.models.parts import Beside
from backend.modes.stage import Stage
from backend.modes.start import Origin, fresh, make_noise
from backend.sampling.types import NoiseSource


@dataclass(frozen=True, eq=False)
class Begun:
    """A run that has not taken a step.

    Attributes:
        origin: Its noise, at the top of the stage's schedule.
        noise: What random samplers draw from, next.
        beside: What the network is given beside x.
    """

    origin: Origin
    noise: NoiseSource
    beside: Beside


def begin(
    stage: Stage[Settings],
    small: NDArray[np.uint8] | torch.Tensor | None,
    noise_level: int | None = None,
) -> Begun:
    """Draws the noise of x and of the small picture, in the order of the model's own pipeline.

    Args:
        stage: Its size is the result's.
        small: (H, W, 3), the same for each sample, or (B, H, W, 3); or, as a model of pixels left
            them, (B, 3, H, W) in about [-1, 1].
        noise_level: See `Capabilities.enlarges`; None takes what the model recommends.

    Raises:
        BadInput: The model enlarges nothing, there is no picture, it has another size than the
            result asks for, or it is to be noised more than the model knows.
    """
    enlarger, can = stage.model.enlarger, stage.model.info.anatomy.can.enlarges
    if enlarger is None or can is None:
        raise BadInput(f"'{stage.model.name}' enlarges no picture; choose an upscaler.", "model")
    if small is None:
        raise BadInput(f"'{stage.model.name}' enlarges a small picture; give it one.", "model")
    level = can.noise_level if noise_level is None else noise_level
    if not 0 <= level <= can.most_noise:
        raise BadInput(
            f"'{stage.model.name}' takes a noise level from 0 to {can.most_noise}, not {level}.",
            "noise_level",
        )
    if not isinstance(small, torch.Tensor):
        small = to_signed(small[None] if small.ndim == 3 else small)
    _check_size(stage, small, can.factor)
    height, width = small.shape[2:]
    shape = enlarger.noise_shape((width, height))
    first = shape is not None and enlarger.noise_first
    others = {} if shape is None else {0 if first else 1: shape}
    noise = make_noise(stage.settings, stage.model, int(first), others)
    own = noise.draw() if first else None
    origin = fresh(stage, noise)
    if shape is not None and own is None:
        own = noise.draw()
    shown = small.to(stage.model.target.device)
    count = stage.settings.batch_size
    shown = shown.expand(count, -1, -1, -1) if len(shown) == 1 else shown
    return Begun(origin, noise, enlarger.beside(shown, own, level))


def _check_size(stage: Stage[Settings], pictures: torch.Tensor, factor: int) -> None:
    width, height = stage.settings.drawn_size
    own = (pictures.shape[3] * factor, pictures.shape[2] * factor)
    if own != (width, height):
        raise BadInput(
            f"'{stage.model.name}' makes sides {factor} times as long: this picture becomes "
            f"{own[0]}x{own[1]} px, not {width}x{height} px.",
            "width",
        )
    if len(pictures) not in (1, stage.settings.batch_size):
        raise ValueError(f"{len(pictures)} small pictures for {stage.settings.batch_size} results")
