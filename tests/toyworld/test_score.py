"""The score's parts have known answers."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from toyworld import HELD_OUT, Scene, Subject
from toyworld.frechet import frechet_distance
from toyworld.judge import HUES, NAMES, PLACES, Judge, Verdict, judge_pictures, mark
from toyworld.prompts import questions, shuffled_scene
from toyworld.render import render
from toyworld.sampling import SCHEDULER_CONFIG, Ddim


def test_frechet_distance_of_known_gaussians():
    rng = np.random.default_rng(0)
    base = rng.standard_normal((200_000, 3))
    assert frechet_distance(base, base) == pytest.approx(0.0, abs=1e-9)
    moved = 2.0 * base + np.array([3.0, 0.0, 0.0])
    assert frechet_distance(base, moved) == pytest.approx(9.0 + 3.0, rel=0.02)


def _verdict(scene: Scene) -> Verdict:
    presence = torch.zeros(1, len(NAMES))
    colour = torch.zeros(1, len(NAMES), len(HUES))
    setting = torch.zeros(1, len(PLACES))
    for subject in scene.subjects:
        presence[0, NAMES.index(subject.name)] = 5
        colour[0, NAMES.index(subject.name), HUES.index(subject.colour)] = 5
    setting[0, PLACES.index(scene.setting)] = 5
    none = torch.zeros(1, len(NAMES))
    return Verdict(presence, colour, setting, none, none, none)


def test_marks():
    seen = Scene((Subject("cat", "red"), Subject("cup", "blue")), "sea", 0)
    swapped = Scene((Subject("cat", "blue"), Subject("cup", "red")), "sea", 0)
    other = Scene((Subject("cat", "red"), Subject("car", "blue")), "snow", 0)
    right, mixed, wrong = (mark(_verdict(seen), [s]) for s in (seen, swapped, other))
    assert (right.subject[0], right.colour[0], right.setting[0]) == (True, True, True)
    assert (mixed.subject[0], mixed.colour[0], mixed.setting[0]) == (True, False, True)
    assert (wrong.subject[0], wrong.setting[0]) == (False, False)


def test_the_colour_of_a_wrong_subject_counts_where_it_is_right():
    seen = Scene((Subject("cat", "red"),), "sea", 0)
    marks = mark(_verdict(seen), [Scene((Subject("car", "red"),), "sea", 0)])
    assert (marks.subject[0], marks.colour[0]) == (False, True)


def test_the_prompt_list_is_fixed_and_balanced():
    asked = questions()
    assert len(asked) == 500
    assert asked == questions()
    for question in asked:
        for subject in question.scene.subjects:
            assert f"{subject.colour} {subject.name}" in question.prompt
            assert ((subject.name, subject.colour) in HELD_OUT) == (question.group == "held_out")
    one = [q for q in asked if q.group == "one"]
    assert all(one[i] == one[i - i % 4] for i in range(len(one)))
    fresh = [shuffled_scene(one[0], seed) for seed in range(20)]
    assert len({s.subjects[0].position for s in fresh}) > 1


def test_the_judge_takes_pictures_of_any_size():
    torch.manual_seed(0)
    pictures = np.stack([render(Scene((Subject("cat", "red"),), "sea", i), 64) for i in range(3)])
    verdict = judge_pictures(Judge().eval(), pictures, batch=2)
    assert verdict.presence.shape == (3, len(NAMES))
    assert verdict.colour.shape == (3, len(NAMES), len(HUES))
    assert bool((verdict.centre > 0).all() and (verdict.centre < 1).all())


def test_our_ddim_step_is_diffusers():
    scheduler = DDIMScheduler.from_config(SCHEDULER_CONFIG)
    scheduler.set_timesteps(10)
    rule = Ddim(10, eta=0.0)
    assert torch.equal(rule.timesteps, scheduler.timesteps)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, 4, 4, generator=generator)
    for t in scheduler.timesteps:
        v = torch.randn(1, 4, 4, 4, generator=generator)
        ours = rule.step(v, t, x, generator)
        x = scheduler.step(v, t, x).prev_sample
        assert torch.allclose(ours, x, atol=1e-5)
