"""The strict judge learns that broken subjects are none, and goes on where it was stopped."""

import numpy as np
import pytest
import torch

from toyworld import HELD_OUT, Scene, Subject
from toyworld.checkpoint import load_state
from toyworld.judge import HUES, NAMES, PLACES, Verdict
from toyworld.strict_judge import (
    BROKEN_SHARE,
    example,
    example_scene,
    strict_judge,
    strict_loss,
    strict_marks,
)


def _verdict(scene: Scene, presence: float) -> Verdict:
    seen = torch.full((1, len(NAMES)), -5.0)
    colour = torch.zeros(1, len(NAMES), len(HUES))
    setting = torch.zeros(1, len(PLACES))
    for subject in scene.subjects:
        seen[0, NAMES.index(subject.name)] = presence
        colour[0, NAMES.index(subject.name), HUES.index(subject.colour)] = 5
    setting[0, PLACES.index(scene.setting)] = 5
    none = torch.zeros(1, len(NAMES))
    return Verdict(seen, colour, setting, none, none, none)


def test_the_likeliest_subject_counts_only_where_it_is_likely():
    scene = Scene((Subject("cat", "red"),), "sea", 0)
    sure, unsure = (strict_marks(_verdict(scene, p), [scene]) for p in (1.0, -1.0))
    assert (sure.subject[0], sure.colour[0], sure.setting[0]) == (True, True, True)
    assert (unsure.subject[0], unsure.colour[0]) == (False, True)


def test_the_loss_wants_nothing_named_where_nothing_is_whole():
    scene = Scene((), "sea", 0)
    named = Scene((Subject("cat", "red"),), "sea", 0)
    quiet, loud = (strict_loss(_verdict(s, 5.0), [scene]) for s in (scene, named))
    assert float(quiet) < float(loud)


def test_examples_are_whole_and_broken_and_say_so():
    examples = [example(3, i) for i in range(60)]
    for i, made in enumerate(examples):
        assert made.scene == example_scene(3, i)
        assert bool(made.fault) or made.scene.subjects
    share = np.mean([bool(e.fault) for e in examples])
    assert share == pytest.approx(BROKEN_SHARE, abs=0.2)
    scenes = [example_scene(3, i) for i in range(600)]
    assert any((s.name, s.colour) in HELD_OUT for scene in scenes for s in scene.subjects)


def test_a_stopped_training_goes_on_and_is_equal(tmp_path):
    class Killed(Exception):
        pass

    def quiet(_line: str) -> None:
        pass

    def run(folder, stop_at: int):
        seen = []

        def between() -> None:
            seen.append(1)
            if len(seen) > stop_at:
                raise Killed

        try:
            return strict_judge(folder, 5, 40, 4, 60, 3, between, quiet)
        except Killed:
            return None

    whole = run(tmp_path / "whole", 1000)
    assert run(tmp_path / "parts", 4) is None
    state = load_state(tmp_path / "parts" / "strict-judge.pt")
    assert state is not None
    assert (state["step"], state["trust"]) == (3, {})
    resumed = run(tmp_path / "parts", 2)
    assert whole is not None
    assert resumed is not None
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    trust = load_state(tmp_path / "parts" / "strict-judge.pt")["trust"]
    assert set(trust) == {"subject", "colour", "setting", "warped", "melted", "mixed", "half drawn"}
