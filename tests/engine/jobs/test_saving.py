"""A picture that finds no room on the disk is shown, kept, and saved once there is room."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from backend.contracts.errors import StorageProblem
from backend.contracts.events import Output, Pixels, Record
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.executor import JobRun
from backend.engine.jobs.job import Job, Patience
from backend.engine.jobs.saving import Saver
from backend.storage.makers import Maker

FULL = "The picture could not be saved: the disk that holds the outputs folder is full."


class Disk:
    """A folder that may be full."""

    def __init__(self) -> None:
        self.full = True
        self.saved: list[int] = []

    def save_output(self, image: Pixels, record: Record, maker: Maker) -> Path:
        if self.full:
            raise StorageProblem(FULL)
        self.saved.append(int(record.settings["seed"]))
        return Path(f"{len(self.saved)}.png")


def output(index: int) -> Output:
    settings = Txt2ImgSettings(seed=index).model_dump(mode="json")
    return Output(index, np.zeros((8, 8, 3), np.uint8), Record("txt2img", settings, {}))


def running(saver: Saver) -> JobRun:
    request = Request(Txt2ImgSettings(seed=1, batch_size=2))
    job = Job(request, "me", background=False, patience=Patience())
    assert job.start()
    return JobRun(job, lambda run: None, saver)


def test_the_job_goes_on_says_so_and_its_pictures_are_saved_in_their_order() -> None:
    disk = Disk()
    saver = Saver(disk, every_s=0.02)
    run = running(saver)
    run.deliver(output(0))
    run.deliver(output(1))
    run.job.finish("done")
    assert [one.path for one in run.job.outputs] == [None, None]
    (note,) = run.job.status(0).info["notes"]
    assert note.startswith(FULL)
    assert "download it" in note
    time.sleep(0.1)
    assert saver.left == 2
    before = run.job.status(0).revision
    disk.full = False
    until = time.monotonic() + 60
    while saver.left and time.monotonic() < until:
        time.sleep(0.01)
    assert disk.saved == [0, 1]
    assert [one.path for one in run.job.outputs] == ["1.png", "2.png"]
    assert run.job.status(0).revision > before


def test_what_nobody_can_ask_for_any_more_is_let_go() -> None:
    disk, kept = Disk(), set[str]()
    saver = Saver(disk, lambda job: job.token in kept, every_s=60)
    first, second = running(saver), running(saver)
    kept.add(second.job.token)
    for run in (first, second):
        run.deliver(output(0))
    disk.full = False
    saver.close()
    assert len(disk.saved) == 1
    assert first.job.outputs[0].path is None
    assert second.job.outputs[0].path == "1.png"


class Closing:
    """Notes how long it is waited for, and comes in the end."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def wait(self, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        return len(self.waits) == 6

    def is_set(self) -> bool:
        return False

    def set(self) -> None: ...


def test_it_is_tried_again_soon_and_then_less_often() -> None:
    saver = Saver(Disk())
    saver._closing = closing = Closing()  # type: ignore[assignment]
    running(saver).deliver(output(0))
    until = time.monotonic() + 60
    while len(closing.waits) < 6 and time.monotonic() < until:
        time.sleep(0.005)
    assert closing.waits == [1, 2, 4, 8, 10, 10]
