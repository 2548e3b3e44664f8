"""Will these two morph at all? A light and a sentence, before the work and again after it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from backend.models.perceptual.distance import Metric

FAITHFUL_DB = 26.0
POOR_DB = 20.0


class Light(NamedTuple):
    """How well two ends go together.

    Attributes:
        light: green, amber or red.
        sentence: What it means, and what to do.
    """

    light: Literal["green", "amber", "red"]
    sentence: str


def judge(distance: float, psnr: float | None, metric: Metric) -> Light:
    """Judges a pair.

    Args:
        distance: Perceptual distance of the ends, 0 for the same picture.
        psnr: How well the worse end came back from its inversion, dB; None while unknown.
        metric: What measured the distance, and says what is far.
    """
    if psnr is not None and psnr < POOR_DB:
        return Light(
            "red",
            f"An end comes back at {psnr:.0f} dB only: the model hardly knows such "
            "pictures. Describe them better, or use more refinements.",
        )
    if distance > metric.very_far:
        return Light(
            "red",
            "The two look very different; expect a leap in the middle. Pictures "
            "with a similar layout morph better.",
        )
    if psnr is not None and psnr < FAITHFUL_DB:
        return Light(
            "amber",
            f"An end comes back at {psnr:.0f} dB; fine detail will differ from your picture.",
        )
    if distance > metric.far:
        return Light("amber", "The two look rather different; more frames make the way smoother.")
    return Light("green", "These two are near enough to morph well.")
