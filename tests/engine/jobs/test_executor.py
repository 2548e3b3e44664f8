"""What a running job may ask and say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from backend.contracts.errors import Cancelled
from backend.contracts.events import Output, Pixels, Record
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.executor import JobRun
from backend.engine.jobs.job import Job, Patience
from backend.engine.jobs.saving import Saver, SavesPictures
from backend.storage.makers import Maker


def running(storage: SavesPictures | None = None, *, save: bool = True) -> JobRun:
    request = Request(Txt2ImgSettings(seed=1, batch_size=2), save=save)
    job = Job(request, "me", background=False, patience=Patience())
    assert job.start()
    return JobRun(job, lambda run: None, None if storage is None else Saver(storage))


class Folder:
    """Takes what is saved."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def save_output(self, image: Pixels, record: Record, maker: Maker) -> Path:
        self.records.append(record)
        return Path("a.png")


def output() -> Output:
    settings = Txt2ImgSettings(seed=1).model_dump(mode="json")
    return Output(0, np.zeros((8, 8, 3), np.uint8), Record("txt2img", settings, {}))


def test_what_is_delivered_is_saved_with_what_its_run_was() -> None:
    folder = Folder()
    run = running(folder)
    run.deliver(output())
    (kept,) = run.job.outputs
    assert kept.path == "a.png"
    assert folder.records == [kept.record]
    assert kept.record.extra["drawn_together"] == 2


def test_what_shall_not_be_saved_is_not() -> None:
    folder = Folder()
    run = running(folder, save=False)
    run.deliver(output())
    assert folder.records == []
    assert run.job.outputs[0].path is None


def test_a_pause_ends_when_the_job_is_cancelled() -> None:
    run = running()
    run.pause(0.01)
    run.job.cancel()
    with pytest.raises(Cancelled):
        run.pause(600.0)


def test_aside_takes_changes_back_in_turn_and_puts_them_in_again() -> None:
    run, told = running(), list[str]()

    def change(name: str) -> None:
        @contextmanager
        def back() -> Iterator[None]:
            told.append(f"{name} out")
            try:
                yield
            finally:
                told.append(f"{name} in")

        run.interludes.append(back)

    change("first")
    change("second")
    with run.aside():
        told.append("another job")
    assert told == ["second out", "first out", "another job", "first in", "second in"]
