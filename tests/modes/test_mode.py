"""A mode runs its own settings, batch after batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import Cancelled, Skipped
from backend.contracts.events import Output, Record
from backend.contracts.requests import Branch, Request, ResolvedRequest
from backend.contracts.settings import Img2ImgSettings, Settings, Txt2ImgSettings
from backend.modes.context import Share, alone
from backend.modes.mode import PictureMode, Task
from backend.resolve.live import Course

IMAGE = np.zeros((8, 8, 3), np.uint8)


@dataclass
class Surroundings:
    """Notes which batch is announced."""

    told: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    drawn: list[int] = field(default_factory=list[int])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    course: Course = field(default_factory=Course)
    share: Share = alone

    @property
    def steps(self) -> Surroundings:
        return self

    @property
    def job(self) -> Surroundings:
        return self

    def draws(self, number: int, course: Course) -> None:
        self.drawn.append(number)

    def inform(self, facts: dict[str, Any]) -> None:
        self.facts |= facts

    def batch(self, number: int, count: int) -> None:
        self.told.append((number, count))


def drawing(seen: list[Task[Txt2ImgSettings]]) -> PictureMode[Txt2ImgSettings]:
    def draw(task: Task[Txt2ImgSettings], context: object) -> Iterator[Output]:
        seen.append(task)
        for index in range(2):
            yield Output(index, IMAGE, Record("txt2img", {}, {}, {}))

    return PictureMode(Txt2ImgSettings, draw)


def request(*runs: Settings, branch: Branch | None = None) -> ResolvedRequest:
    return ResolvedRequest(runs[0], {"image": IMAGE}, branch, False, runs)


def test_a_task_is_what_was_asked_for() -> None:
    seen: list[Task[Txt2ImgSettings]] = []
    around: Any = Surroundings()
    settings, branch = Txt2ImgSettings(seed=3), Branch("token", 4)
    made = list(drawing(seen).run(request(settings, branch=branch), around))
    assert [output.index for output in made] == [0, 1]
    assert (seen[0].settings, seen[0].branch) == (settings, branch)
    assert seen[0].images["image"] is IMAGE
    assert around.told == []


def test_batches_follow_each_other_and_are_counted_through() -> None:
    seen: list[Task[Txt2ImgSettings]] = []
    around: Any = Surroundings()
    runs = [Txt2ImgSettings(seed=seed) for seed in (1, 2, 3)]
    made = drawing(seen).run(request(*runs), around)
    assert next(made).index == 0
    assert len(seen) == 1  # the others wait for their turn
    assert [output.index for output in made] == [1, 2, 3, 4, 5]
    assert [task.settings.seed for task in seen] == [1, 2, 3]
    assert around.told == [(0, 3), (1, 3), (2, 3)]
    assert around.drawn == [0, 1, 2]


def test_settings_of_another_mode_are_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="draws Txt2ImgSettings"):
        drawing([]).alone(Request(Img2ImgSettings()), Surroundings())  # type: ignore[arg-type]


def test_a_batch_that_is_skipped_is_left_out_and_the_rest_follow() -> None:
    around: Any = Surroundings()

    def draw(task: Task[Txt2ImgSettings], context: object) -> Iterator[Output]:
        if task.settings.seed == 2:
            raise Skipped("Skipped.")
        yield Output(0, IMAGE, Record("txt2img", {"seed": task.settings.seed}, {}, {}))

    mode = PictureMode(Txt2ImgSettings, draw)
    made = list(mode.run(request(*(Txt2ImgSettings(seed=n) for n in (1, 2, 3))), around))
    assert [(one.index, one.record.settings["seed"]) for one in made] == [(0, 1), (1, 3)]
    assert around.facts == {"skipped": [1]}
    with pytest.raises(Cancelled):
        list(mode.run(request(Txt2ImgSettings(seed=2), Txt2ImgSettings(seed=2)), around))
