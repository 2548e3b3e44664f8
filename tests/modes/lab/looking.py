"""A small random model for looks of the Lab."""

from __future__ import annotations

from typing import Any

import numpy as np

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import Settings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from tests.modes.test_train_lora import ended

SIZE: dict[str, Any] = {"model": "tiny", "width": 64, "height": 64}


def picture() -> Pixels:
    """(64, 96, 3): a ramp with a square."""
    rows, columns = np.mgrid[0:64, 0:96]
    made = np.stack([rows * 4, columns * 2, rows + columns], axis=-1).astype(np.uint8)
    made[20:40, 30:50] = (250, 40, 10)
    return made


def looked(engine: LocalEngine, settings: Settings, **images: Pixels) -> JobStatus:
    """What came of a look."""
    status = ended(engine, ask(engine, Request(settings, images, save=False)))
    if status.state != "done":
        raise BadInput(str(status.error))
    return status
