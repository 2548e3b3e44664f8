"""Time that is left over all stages, by a stand-in whose every part has a known cost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.contracts.events import Progress, Stage
from backend.contracts.requests import ResolvedRequest, TrainLoraRequest
from backend.contracts.settings import LoraUse, MorphSettings, Settings, Txt2ImgSettings
from backend.contracts.settings.train_lora import TrainLoraSettings
from backend.engine.jobs.course import KEPT, Course, Courses, shape_of

Part = tuple[Stage, int, float]  # its name, steps, and seconds of each

HIRES: tuple[Part, ...] = (
    ("loading", 1, 7.0),
    ("encoding", 1, 0.4),
    ("sampling", 20, 0.5),
    ("encoding", 1, 1.0),
    ("sampling", 10, 2.2),
    ("decoding", 1, 6.0),
)
MORPH: tuple[Part, ...] = (
    ("fitting", 40, 0.8),
    ("inverting", 20, 1.1),
    ("sampling", 20, 3.0),
    ("decoding", 16, 0.9),
)


def reports(parts: tuple[Part, ...], speed: float) -> Iterator[tuple[Progress, float]]:
    """What a run of those parts reports, and when."""
    now_s, done = 0.0, 0
    total = sum(count for stage, count, _ in parts if count > 1)
    for stage, count, each_s in parts:
        for _ in range(count):
            yield Progress(stage, done, total), now_s
            now_s += each_s * speed
            done += count > 1
    yield Progress("saving", done, total), now_s


def request(settings: Settings) -> ResolvedRequest:
    return ResolvedRequest(settings, runs=(settings,))


def run(courses: Courses, parts: tuple[Part, ...], speed: float) -> list[tuple[float, float]]:
    """(share of the run that is over, error of what was said of the rest) at each report."""
    asked = request(Txt2ImgSettings(width=64, height=64))
    course = courses.begin(asked)
    assert course is not None
    told = [(now_s, course.left_s(progress, now_s)) for progress, now_s in reports(parts, speed)]
    end_s = told[-1][0]
    courses.keep(asked, course, end_s)
    begun_s = 7.0 * speed if parts[0][0] == "loading" else 0.0
    whole_s = end_s - begun_s
    return [
        ((now_s - begun_s) / whole_s, abs(left_s - (end_s - now_s)) / max(end_s - now_s, 1e-9))
        for now_s, left_s in told
        if left_s is not None and end_s > now_s
    ]


@pytest.mark.parametrize("parts", [HIRES, MORPH], ids=["hires", "morph"])
@pytest.mark.parametrize("speed", [0.5, 1.0, 1.8])
def test_after_a_fifth_the_rest_is_told_within_a_quarter(
    parts: tuple[Part, ...], speed: float
) -> None:
    courses = Courses()
    assert run(courses, parts, 1.0) == []  # nobody has measured it yet
    told = run(courses, parts, speed)
    late = [error for share, error in told if share >= 0.2]
    assert len(late) > 10
    assert max(late) < 0.25


def test_what_costs_no_time_is_no_other_shape() -> None:
    one = Txt2ImgSettings(prompt="a", seed=1, width=64, height=64)
    same = one.model_copy(update={"prompt": "b", "seed": 2, "negative_prompt": "c"})
    assert shape_of(one) == shape_of(same)
    for change in (
        {"steps": 30},
        {"batch_count": 2},
        {"width": 128},
        {"hires_scale": 2.0},
        {"loras": (LoraUse(name="ink"),)},
    ):
        assert shape_of(one) != shape_of(one.model_copy(update=change))
    assert shape_of(MorphSettings()) != shape_of(one)


def test_a_training_tells_its_own_time() -> None:
    assert Courses().begin(TrainLoraRequest(TrainLoraSettings(name="ink"), ())) is None


def test_a_job_that_never_told_anything_is_not_kept() -> None:
    course = Course()
    assert course.left_s(Progress("loading"), 1.0) is None
    assert course.over(2.0) is None


def test_the_oldest_shapes_go() -> None:
    courses = Courses()
    for steps in range(1, KEPT + 2):
        asked = request(Txt2ImgSettings(steps=steps))
        course = courses.begin(asked)
        assert course is not None
        course.left_s(Progress("sampling", 1, steps), 1.0)
        courses.keep(asked, course, 2.0)
    first = courses.begin(request(Txt2ImgSettings(steps=1)))
    last = courses.begin(request(Txt2ImgSettings(steps=KEPT + 1)))
    assert first is not None
    assert last is not None
    assert (first.before, last.before is None) == (None, False)
