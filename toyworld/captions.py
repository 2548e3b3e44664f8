"""Words for scenes, in varied phrasing."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from toyworld.scene import Scene, Subject

SETTING_PHRASES: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "blue sky": ("in a blue sky", "under a blue sky", "in the blue sky", "above the clouds"),
        "night sky": ("at night", "under a night sky", "in the night sky", "under the stars"),
        "sunset": ("at sunset", "in the sunset", "under a sunset sky", "in the evening light"),
        "grass": ("on grass", "on the grass", "in a meadow", "on a green meadow"),
        "sea": ("in the sea", "on the sea", "at sea", "in the ocean"),
        "sand": ("on sand", "on the sand", "in the desert", "in a sandy desert"),
        "snow": ("in the snow", "on snow", "on the snow", "in winter"),
        "forest": ("in a forest", "in the forest", "in the woods", "among trees"),
    }
)
_SIZE_WORDS = MappingProxyType(
    {"small": ("small", "small", "little", "tiny"), "medium": ("",), "big": ("big", "big", "large")}
)
_PLACES = MappingProxyType(
    {
        "left": ("on the left", "to the left", "left"),
        "right": ("on the right", "to the right", "right"),
        "centre": ("in the centre", "in the middle", "in the center"),
    }
)
_OPENINGS = ("a picture of ", "a drawing of ", "an image of ", "there is ")


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _noun(subject: Subject, rng: np.random.Generator, article: bool) -> str:
    size = _pick(rng, _SIZE_WORDS[subject.size]) if rng.random() < 0.6 else ""
    words = " ".join(w for w in (size, subject.colour, subject.name) if w)
    if not article:
        return words
    return ("an " if words[0] in "aeiou" else "a ") + words


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """Describe a scene; size, place and (rarely) the setting may go unmentioned.

    Colours and names of all subjects are always there.
    """
    terse = rng.random() < 0.25
    nouns = [_noun(subject, rng, article=not terse) for subject in scene.subjects]
    if len(nouns) == 1:
        text = nouns[0]
        if rng.random() < 0.35:
            text += (", " if terse else " ") + _pick(rng, _PLACES[scene.subjects[0].position])
    elif rng.random() < 0.35:
        left, right = (_pick(rng, _PLACES[side]) for side in ("left", "right"))
        joint = ", " if terse else " and "
        text = f"{nouns[0]} {left}{joint}{nouns[1]} {right}"
    else:
        order = nouns if rng.random() < 0.6 else nouns[::-1]
        text = (", " if terse else " and ").join(order)
    if rng.random() < 0.94:
        phrase = _pick(rng, SETTING_PHRASES[scene.setting])
        text += (
            f", {scene.setting}"
            if terse and rng.random() < 0.6
            else (f", {phrase}" if terse or rng.random() < 0.1 else f" {phrase}")
        )
    if not terse and rng.random() < 0.25:
        text = _pick(rng, _OPENINGS) + text
    return text
