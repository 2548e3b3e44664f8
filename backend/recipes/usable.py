"""Settings out of a document, held to the samplers that the studio has."""

from __future__ import annotations

from typing import Any

from backend.contracts.settings import Settings, parse
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


def with_partner(field: str) -> tuple[str, ...]:
    """A field, and what stands or falls with it; the field comes first."""
    for pair in PAIRS:
        if field in pair:
            return (field, *(name for name in pair if name != field))
    return (field,)
