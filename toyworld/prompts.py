"""The fixed list of prompts that the score asks for, with the scenes that they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from toyworld.captions import SETTING_PHRASES
from toyworld.scene import HELD_OUT, Scene, Subject, sample_pair
from toyworld.settings import SETTINGS

Group = Literal["one", "held_out", "two"]
SEEDS_A_PROMPT = 4


@dataclass(frozen=True)
class Question:
    """One picture to generate."""

    group: Group
    prompt: str
    scene: Scene
    """What must be seen; size, place and seed are left open."""


def _article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def question(group: Group, pairs: list[tuple[str, str]], setting: str, style: int) -> Question:
    """Ask for (subject, colour) pairs in a setting, in one of its phrases."""
    nouns = [_article(f"{colour} {name}") for name, colour in pairs]
    phrases = SETTING_PHRASES[setting]
    prompt = " and ".join(nouns) + " " + phrases[style % len(phrases)]
    subjects = tuple(Subject(name, colour) for name, colour in pairs)
    return Question(group, prompt, Scene(subjects, setting, 0))


def questions(count: int = 500) -> list[Question]:
    """The list, scaled to about `count` pictures: 48 % one subject (four seeds a prompt, so that
    diversity can be told), 22 % held-out pairs, 30 % two subjects.

    All prompts name colour, subject and setting; nothing in the list depends on the model.
    """
    rng = np.random.default_rng(2026)
    settings = list(SETTINGS)
    groups: dict[Group, int] = {
        "one": max(1, round(0.48 * count / SEEDS_A_PROMPT)),
        "held_out": max(1, round(0.22 * count)),
        "two": max(1, round(0.30 * count)),
    }
    asked: list[Question] = []
    for i in range(groups["one"]):
        prompt = question("one", [sample_pair(rng)], settings[i % 8], i // 8)
        asked += [prompt] * SEEDS_A_PROMPT
    held_out = sorted(HELD_OUT)
    for i in range(groups["held_out"]):
        asked.append(
            question("held_out", [held_out[i % len(held_out)]], settings[(3 * i) % 8], i // 8)
        )
    for i in range(groups["two"]):
        first, second = sample_pair(rng), sample_pair(rng)
        while second[0] == first[0]:
            second = sample_pair(rng)
        asked.append(question("two", [first, second], settings[i % 8], i // 8))
    return asked


def shuffled_scene(asked: Question, seed: int) -> Scene:
    """A fresh scene of what is asked for, size and place drawn as in training."""
    rng = np.random.default_rng((seed, 77))
    subjects: list[Subject] = []
    for k, subject in enumerate(asked.scene.subjects):
        if len(asked.scene.subjects) == 1:
            size = ("small", "medium", "big")[int(rng.choice(3, p=(0.25, 0.45, 0.3)))]
            position = ("left", "centre", "right")[int(rng.choice(3, p=(0.25, 0.5, 0.25)))]
        else:
            size = ("small", "medium", "big")[int(rng.choice(3, p=(0.2, 0.6, 0.2)))]
            position = ("left", "right")[k]
        subjects.append(Subject(subject.name, subject.colour, size, position))
    return Scene(tuple(subjects), asked.scene.setting, int(rng.integers(2**31)))
