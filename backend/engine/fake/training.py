"""Training without a model: a loss that falls, and a validation picture now and then."""

from __future__ import annotations

import math
from typing import Any

from backend.contracts.events import Output, Record
from backend.contracts.library import LoraEntry
from backend.contracts.requests import Training, TrainLoraRequest
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.train_lora import TrainLoraSettings
from backend.engine.fake import picture as fake_picture

SIDE_PX = 256


def steps(request: TrainLoraRequest) -> int:
    """Steps of the whole training."""
    settings = request.settings
    return settings.steps or len(request.pictures) * (settings.epochs or 1)


def loss(step: int) -> float:
    """Falls from 0.3 to 0.1, unevenly."""
    return 0.1 + 0.2 * math.exp(-step / 20) * (1 + 0.3 * math.sin(9.7 * step))


def drawing(settings: TrainLoraSettings) -> Txt2ImgSettings:
    """The recipe of its validation pictures."""
    return Txt2ImgSettings.model_validate(
        {
            "prompt": settings.validation_prompt or settings.caption,
            "model": settings.model,
            "seed": settings.validation_seed,
            "width": SIDE_PX,
            "height": SIDE_PX,
        }
    )


def validation(request: TrainLoraRequest, step: int) -> Output:
    """The picture after `step` steps: sharper and sharper."""
    settings = drawing(request.settings)
    picture = fake_picture.draw(settings.prompt, settings.seed, SIDE_PX, SIDE_PX)
    grain = fake_picture.noise(settings.prompt, settings.seed, SIDE_PX, SIDE_PX)
    image = fake_picture.predicted(picture, step / steps(request), grain)
    record = Record(
        settings.mode,
        settings.model_dump(mode="json"),
        {"name": settings.model, "hash": "0" * 10},
        {"training_step": step},
    )
    return Output(step, image, record)


def told(request: Training, step: int, validated: list[int], **facts: str) -> dict[str, Any]:
    """The job's info of its training."""
    return {
        "training": {
            "name": request.settings.name,
            "losses": [(i, loss(i)) for i in range(1, step + 1)],
            "validated": validated,
            **facts,
        }
    }


def lora(name: str) -> LoraEntry:
    """How the library lists what was trained."""
    return LoraEntry(name, 2**20, "sd", 8, (name,))
