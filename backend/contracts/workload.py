"""How much a job has to do, from its settings alone."""

from __future__ import annotations

from backend.contracts.settings import (
    Img2ImgSettings,
    Settings,
    Txt2ImgSettings,
    XyzGridSettings,
    steps_of,
)
from backend.contracts.settings.ddim_table import DdimTableSettings


def work(settings: Settings) -> float:
    """Steps times pixels times halves of guidance, for all pictures; of resolved settings."""
    if isinstance(settings, XyzGridSettings):
        return sum(work(cell) for cell in settings.cells())
    if isinstance(settings, Txt2ImgSettings) and settings.later:
        return sum(work(part) for part in (settings.first_stage, *settings.later_stages))
    if isinstance(settings, DdimTableSettings):
        return sum(work(cell) for cell in settings.cells)
    width, height = settings.drawn_size
    halves = 2 if (settings.guidance_scale or 0) > 1 else 1
    rows = settings.batch_size if isinstance(settings, Img2ImgSettings) else settings.picture_count
    rows *= settings.batch_count
    return float(rows * steps_of(settings) * width * height * halves)
