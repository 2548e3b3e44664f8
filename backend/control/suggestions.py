"""What to try next, from how well the edges were kept: one sentence, one click."""

from __future__ import annotations

from dataclasses import dataclass

from backend.control.canny import Canny
from backend.control.obedience import Obedience

MAX_SCALE = 2.0
LOW_RECALL = 0.7  # below: the picture wanders off
POOR_RECALL = 0.4  # below: a small step will not do
HIGH_RECALL = 0.95  # above: there is room for the style
LOW_PRECISION = 0.5
ROOMY_SCALE = 0.75  # from here on less scale is worth a try
DENSE = 0.12  # share of edge pixels that no picture can follow
SPARSE = 0.03  # share below which the control leaves much open


@dataclass(frozen=True)
class Suggestion:
    """A change of settings worth trying.

    Attributes:
        sentence: Says why and what.
        changes: Settings field -> new value, all within the fields' limits.
    """

    sentence: str
    changes: dict[str, float]


def suggest(
    obedience: Obedience, control_scale: float, canny: Canny | None = None
) -> tuple[Suggestion, ...]:
    """At most two changes, the most promising first; none where the picture obeys well.

    Args:
        obedience: Of the finished picture.
        control_scale: At which it was made, 0..2.
        canny: The thresholds of its control; None where another detector made it.
    """
    if obedience.density == 0:
        finer = _finer(canny, "The control shows no edges at all")
        return (finer,) if finer else ()
    found: list[Suggestion | None] = []
    if obedience.recall < LOW_RECALL:
        if obedience.density > DENSE:
            found.append(_coarser(canny))
        found.append(_more(obedience.recall, control_scale))
    elif obedience.precision < LOW_PRECISION and obedience.density < SPARSE:
        found.append(_finer(canny, f"{_percent(1 - obedience.precision)} of the edges are new"))
    if obedience.recall > HIGH_RECALL and control_scale >= ROOMY_SCALE:
        found.append(_less(obedience.recall, control_scale))
    return tuple(suggestion for suggestion in found if suggestion is not None)


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _more(recall: float, scale: float) -> Suggestion | None:
    wanted = round(min(scale + (0.5 if recall < POOR_RECALL else 0.25), MAX_SCALE), 2)
    if wanted <= scale:
        return None
    return Suggestion(
        f"{_percent(1 - recall)} of the edges were lost; raise the control scale to {wanted:g}.",
        {"control_scale": wanted},
    )


def _less(recall: float, scale: float) -> Suggestion:
    wanted = round(scale - 0.25, 2)
    return Suggestion(
        f"{_percent(recall)} of the edges were kept; a control scale of {wanted:g} leaves the "
        "style more room.",
        {"control_scale": wanted},
    )


def _coarser(canny: Canny | None) -> Suggestion | None:
    if canny is None or canny.low >= 200:
        return None
    low, high = min(round(canny.low * 1.5) + 10, 255), min(round(canny.high * 1.5) + 10, 255)
    return Suggestion(
        "The control is so full of edges that none stands out; thresholds of "
        f"{low} / {high} keep the main ones.",
        {"canny_low": low, "canny_high": high},
    )


def _finer(canny: Canny | None, why: str) -> Suggestion | None:
    if canny is None or canny.high <= 20:
        return None
    low, high = canny.low // 2, canny.high // 2
    return Suggestion(
        f"{why}; thresholds of {low} / {high} find more of the source's.",
        {"canny_low": low, "canny_high": high},
    )
