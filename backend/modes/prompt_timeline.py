"""Prompts that change between the steps of a run: which words act at which noise level."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

import torch

from backend.contracts.settings import Settings
from backend.contracts.settings.regions import acting_regions
from backend.models.text.prompt_schedule import at_steps
from backend.modes.start import Span
from backend.sampling.types import Denoiser, Level

ROUNDING = 1e-6  # a level may be told a rounding away from the schedule's


class Words(NamedTuple):
    """What a step is told."""

    prompt: str
    negative: str
    prompt_b: str
    regions: tuple[str, ...] = ()


def words_at(settings: Settings, steps: int) -> tuple[Words, ...]:
    """The words of each of `steps` steps."""
    prompt = at_steps(settings.prompt, steps)
    negative = at_steps(settings.negative_prompt, steps)
    other = at_steps(settings.prompt_b if settings.prompt_mix > 0 else "", steps)
    each = [at_steps(region.prompt, steps) for region in acting_regions(settings)]
    regions = list(zip(*each, strict=True)) if each else [()] * steps
    return tuple(Words(*said) for said in zip(prompt, negative, other, regions, strict=True))


def changes(settings: Settings) -> bool:
    """Whether the words may differ between the steps of a run."""
    return len(set(words_at(settings, settings.steps))) > 1


def denoiser(settings: Settings, span: Span, saying: Callable[[Words], Denoiser]) -> Denoiser:
    """A denoiser that says to each step what the prompt means there.

    Args:
        settings: With the prompts as they were written.
        span: What fractions and steps are counted over. The levels tell the steps apart; a method
            that looks twice in a step (Heun) hears the next step's words at its second look.
        saying: Makes the denoiser of some words; called once for each that differ.
    """
    said = words_at(settings, span.total)
    behind, first = max(0, -span.first), max(0, span.first)
    ahead = said[behind:] or said[-1:]
    made = {words: saying(words) for words in dict.fromkeys(ahead)}
    if len(made) == 1:
        return made[ahead[0]]
    rising = [-level for level in span.schedule.levels[first : first + len(ahead)]]

    def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
        if level.value is None:
            raise ValueError("words that change need one level for all samples")
        step = bisect_left(rising, -level.value * (1 + ROUNDING))
        return made[ahead[min(step, len(ahead) - 1)]](x, level)

    return denoise
