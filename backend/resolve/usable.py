"""Settings out of a document, held to the samplers that the studio has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backend.contracts.settings import MAX_DRAWN_SEED, Settings, parse
from backend.contracts.settings.sampler_pair import check_sampler
from backend.sampling.samplers import ENTRIES

# Fields that stand or fall together.
PAIRS = (("width", "height"), ("sampler", "schedule"))


def usable(mode: str, values: dict[str, Any]) -> Settings:
    """Settings as a preset, a link or a record holds them.

    Raises:
        BadInput: Names the first field at fault and says what it accepts.
    """
    settings = parse(mode, values)
    check_sampler(settings, ENTRIES)
    return settings


def large_seeds(values: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each seed of valid settings of which the noise takes only a part."""
    for name, value in values.items():
        if name.endswith("seed") and isinstance(value, int) and value > MAX_DRAWN_SEED:
            drawn = value % (MAX_DRAWN_SEED + 1)
            yield (
                f"The {name.replace('_', ' ')} {value} is kept whole; it draws the picture of "
                f"{drawn}, its rest by 2^32, as torch and diffusers do."
            )


def with_partner(field: str) -> tuple[str, ...]:
    """A field, and what stands or falls with it; the field comes first."""
    for pair in PAIRS:
        if field in pair:
            return (field, *(name for name in pair if name != field))
    return (field,)
