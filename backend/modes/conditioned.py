"""What steers a picture: the prompts of a step, embedded, each with its share of the guidance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backend.contracts.conditions import conditions_of, paired
from backend.models.text.conditioning import Conditioning
from backend.modes.prompt_timeline import Words
from backend.sampling.guidance import Share


@dataclass(frozen=True, eq=False)
class Conditioned:
    """One condition of a run.

    Attributes:
        conditioning: What it says, a row for each sample or for several in succession.
        share: Its part of the guidance: a number, or one for each place of the picture.
        ground: Which negative it is guided away from, see `Ground`.
    """

    conditioning: Conditioning
    share: Share = 1.0
    ground: int = 0


@dataclass(frozen=True, eq=False)
class Ground:
    """What conditions of one mix of LoRAs are guided away from.

    Attributes:
        share: Its places; those of all grounds add up to 1.
        loras: Numbers of the rows that act there, see `RunMix`.
    """

    share: Share
    loras: tuple[int, ...] = ()


def conditioned(
    words: Words, mix: float, encode: Callable[[str], Conditioning]
) -> tuple[Conditioned, ...]:
    """The conditions that a step's words hold, one for each part that AND joins.

    Args:
        words: Of the step.
        mix: Share of the second prompt, 0..1.
        encode: Embeds a prompt.

    Raises:
        BadInput: The parts of both prompts cannot be paired, or are too many.
    """
    ours = conditions_of(words.prompt)
    if mix <= 0:
        return tuple(Conditioned(encode(one.prompt), one.weight) for one in ours)
    return tuple(
        Conditioned(
            encode(one.prompt).lerp(encode(other.prompt), mix),
            one.weight + mix * (other.weight - one.weight),
        )
        for one, other in paired(ours, conditions_of(words.prompt_b))
    )
