"""How much a job has to do, from its settings alone."""

from __future__ import annotations

from backend.contracts.conditions import parts
from backend.contracts.settings import (
    Img2ImgSettings,
    Settings,
    Txt2ImgSettings,
    XyzGridSettings,
    steps_of,
)
from backend.contracts.settings.ddim_table import DdimTableSettings
from backend.contracts.settings.regions import RegionFields, acting_regions


def work(settings: Settings) -> float:
    """Steps times pixels times rows of guidance, for all pictures; of resolved settings."""
    if isinstance(settings, XyzGridSettings):
        return sum(work(cell) for cell in settings.cells())
    if isinstance(settings, Txt2ImgSettings) and settings.later:
        return sum(work(part) for part in (settings.first_stage, *settings.later_stages))
    if isinstance(settings, DdimTableSettings):
        return sum(work(cell) for cell in settings.cells)
    width, height = settings.drawn_size
    rows = settings.batch_size if isinstance(settings, Img2ImgSettings) else settings.picture_count
    rows *= settings.batch_count
    return float(rows * steps_of(settings) * width * height * rows_each(settings))


def rows_each(settings: Settings) -> int:
    """Rows of a call for each picture: the negative prompt's, and one for each part of the prompt.

    Each mix of LoRAs that regions have has a negative row of its own. A guidance that is left
    open counts as guidance.
    """
    negatives, positives = _rows(settings)
    unguided = settings.guidance_scale is not None and settings.guidance_scale <= 1
    return 1 if unguided and positives == 1 else negatives + positives


def _rows(settings: Settings) -> tuple[int, int]:
    """Of the negative prompt, and of what is to be drawn."""
    if isinstance(settings, RegionFields) and settings.by_attention:
        return 1, 1
    said = parts(settings.prompt)
    if settings.prompt_mix > 0:
        said = max(said, parts(settings.prompt_b))
    regions = acting_regions(settings)
    mixes = {region.acting_loras for region in regions}
    kept = settings.kept_base if isinstance(settings, RegionFields) else 0.0
    whole = [region.covers_all for region in regions]
    if any(whole) and (kept == 0 or all(whole)):
        said = 0  # nothing is left to the prompt
    else:
        mixes.add(())
    return len(mixes), said + sum(parts(region.prompt) for region in regions)


def later_weight(settings: Settings) -> float:
    """How many of its first stage's pixels a step of hires fix's second stage is for; 1 without."""
    if not isinstance(settings, Txt2ImgSettings) or not settings.hires:
        return 1.0
    (width, height), (wide, high) = settings.first_stage.drawn_size, settings.drawn_size
    return wide * high / (width * height)
