"""Training from nothing without a model: a loss that falls, and digits that come out of noise."""

from __future__ import annotations

import numpy as np

from backend.contracts.events import Output, Pixels, Record
from backend.contracts.requests import TrainDigitsRequest
from backend.training.digits.drawn import CLASSES, draw
from backend.training.digits.drawn import sheet as laid

STEPS_A_MINUTE = 12
SHEETS = 4


def steps(request: TrainDigitsRequest) -> int:
    """Steps of the whole training."""
    settings = request.settings
    return settings.steps or max(1, round(settings.minutes * STEPS_A_MINUTE))


def sheet(request: TrainDigitsRequest, step: int) -> Output:
    """The samples after `step` steps: clearer and clearer."""
    settings, share = request.settings, step / steps(request)
    drawn = laid(draw(SHEETS * CLASSES, settings.seed)[0], CLASSES).astype(np.float64)
    noise = np.random.default_rng(settings.seed).uniform(0.0, 255.0, drawn.shape)
    grey: Pixels = np.round(share * drawn + (1.0 - share) * noise).astype(np.uint8)
    record = Record(
        settings.mode,
        settings.model_dump(mode="json"),
        {"name": settings.name, "hash": "0" * 10},
        {"training_step": step},
    )
    return Output(step, np.repeat(grey[..., None], 3, axis=-1), record)
