"""The stages of a run, as its stored steps name them."""

from __future__ import annotations

from backend.contracts.settings import Settings, Txt2ImgSettings


def stages_of(settings: Settings) -> tuple[Settings, ...]:
    """Settings of each stage of a run that may rest; of resolved settings."""
    if not isinstance(settings, Txt2ImgSettings):
        return (settings,)
    return (settings.first_stage, *([settings.second_stage] if settings.hires else []))
