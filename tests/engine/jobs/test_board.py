"""The board's own half of an engine, with an executor that does what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest

from backend.contracts.errors import BadInput, QueueFull, UnknownName
from backend.contracts.events import File, Output, Pixels, Progress, Record
from backend.contracts.requests import Branch, ResolvedRequest, Runnable, VideoRequest
from backend.contracts.settings import Settings, Txt2ImgSettings
from backend.engine.jobs.board import Board
from backend.engine.jobs.executor import Decode, JobRun
from backend.engine.jobs.job import CLOSING, Job
from backend.engine.jobs.limits import STANDARD_LIMITS, Limits
from backend.engine.jobs.protocol import FrameKind
from tests.engine.jobs.test_timeline import Kept
from tests.jobs import ended, running, until

SETTINGS = Txt2ImgSettings(seed=1, model="tiny", width=8, height=8, guidance_scale=1.0)
PICTURE = np.zeros((8, 8, 3), np.uint8)


@dataclass
class Scripted:
    """Does to each run what the test says; every run is foreseen to take so long."""

    work: Callable[[JobRun], None]
    foreseen_s: float | None = 3.0

    def execute(self, run: JobRun) -> None:
        self.work(run)

    @contextmanager
    def decoding(self, run: JobRun, settings: Settings) -> Generator[Decode[Kept]]:
        yield lambda step, kind, image: PICTURE

    def glance(self, settings: Settings, step: Kept, kind: FrameKind, image: int) -> Pixels:
        return np.full((8, 8, 3), (kind == "xt") * 100 + image, np.uint8)

    def foresee_s(self, settings: Settings) -> float | None:
        return self.foreseen_s


class Studio(Board[Kept]):
    """A board that works."""

    def __init__(
        self, work: Callable[[JobRun], None] | None = None, limits: Limits = STANDARD_LIMITS
    ) -> None:
        super().__init__(None, limits)
        self.executor = Scripted(work or self.draw)
        self._employ(self.executor, None, "scripted")

    def draw(self, run: JobRun) -> None:
        """Two steps and a picture."""
        assert isinstance(run.job.request, ResolvedRequest)
        self._timelines.begin(run.job.token, SETTINGS)
        for sigma in (2.0, 0.0):
            self._timelines.add(run.job.token, Kept(sigma))
        run.deliver(Output(0, PICTURE, Record("txt2img", {"seed": 1}, {})))

    def put(self, request: Runnable | None = None, owner: str = "me", **how: bool) -> str:
        return self._put(
            request or ResolvedRequest(SETTINGS, save=False, runs=(SETTINGS,)),
            owner,
            background=how.get("background", False),
        )


Open = Callable[..., Studio]


@pytest.fixture
def studio() -> Iterator[Open]:
    made: list[Studio] = []

    def opened(*args: object, **values: object) -> Studio:
        made.append(Studio(*args, **values))  # type: ignore[arg-type]
        return made[-1]

    yield opened
    for one in made:
        one.close()


class Gate:
    """Work that goes on once it may, and tells how long is left meanwhile."""

    def __init__(self, eta_s: float | None = None) -> None:
        self.opened = threading.Event()
        self.eta_s = eta_s

    def __call__(self, run: JobRun) -> None:
        run.report(Progress("sampling", 1, 4, eta_s=self.eta_s))
        while not self.opened.wait(0.01):
            run.check()


def test_a_job_that_the_queue_refuses_is_not_known(studio: Open) -> None:
    gate = Gate()
    board = studio(gate, Limits(waiting=1))
    running(board, board.put())
    board.put()
    known = len(board._shelf.all())
    with pytest.raises(QueueFull):
        board.put()
    assert len(board._shelf.all()) == known
    gate.opened.set()


def test_a_branch_from_what_is_not_kept_is_refused_before_it_waits(studio: Open) -> None:
    board = studio()
    lost = ResolvedRequest(SETTINGS, branch=Branch("gone", 0), runs=(SETTINGS,))
    with pytest.raises(UnknownName, match="no longer kept; generate it again to branch"):
        board.put(lost)
    assert board._shelf.all() == []


def test_the_wait_is_the_sum_of_what_runs_and_what_waits(studio: Open) -> None:
    gate = Gate(eta_s=5.0)
    board = studio(gate)
    first = running(board, board.put())
    until(board, first, lambda now: now.progress.step == 1)  # it has told how long is left
    second, third = board.put(), board.put()
    assert [board.status(token).position for token in (second, third)] == [1, 2]
    assert board.status(second).progress.eta_s == 5.0
    assert board.status(third).progress.eta_s == 5.0 + 3.0
    board.executor.foreseen_s = None
    board.put()  # what waits has changed: it is worked out anew
    assert board.status(third).progress.eta_s is None
    gate.opened.set()


def test_nobody_waits_for_a_job_in_the_background(studio: Open) -> None:
    gate = Gate(eta_s=5.0)
    board = studio(gate)
    running(board, board.put(background=True))
    waiting = board.put(background=True)
    assert board.status(waiting).position == 1
    asked = board._job(board.put())
    assert board.status(asked.token).position == 0  # it runs, or is the next to run
    gate.opened.set()


def test_a_stored_step_is_shown_and_a_picture_that_is_not_there_is_named(studio: Open) -> None:
    board = studio()
    token = board.put()
    ended(board, token)
    assert board.timeline_frame(token, 1, "xt", 1)[0, 0, 0] == 101
    with pytest.raises(BadInput, match="That run made 2 pictures; choose one of them"):
        board.timeline_frame(token, 1, image=2)
    with pytest.raises(BadInput):
        board.timeline_frame(token, 1, image=-1)


def test_a_video_belongs_to_whoever_made_the_run(studio: Open) -> None:
    board = studio()
    token = board.put(owner="ada")
    ended(board, token)
    video = board.put(VideoRequest(token), owner="")
    assert board._job(video).owner == "ada"
    assert ended(board, video).state == "done"
    file = board.file(video)
    assert isinstance(file, File)
    assert file.content[4:8] == b"ftyp"
    assert board.file(token) is None


def test_a_job_that_is_forgotten_takes_its_steps_along(studio: Open) -> None:
    board = studio(limits=replace(STANDARD_LIMITS, ended=1))
    first = board.put()
    ended(board, first)
    assert board.timeline(first) is not None
    ended(board, board.put())
    board.close()  # whoever ends a job tidies up after it is said to have ended
    with pytest.raises(UnknownName, match="no longer known"):
        board.status(first)
    assert board.timeline(first) is None
    board.cancel(first)  # without effect


def test_what_is_kept_is_counted_and_all_but_the_last_result_can_be_let_go(studio: Open) -> None:
    board = studio()
    for _ in range(2):
        ended(board, board.put())
    board.close()
    steps, results = 2 * 2 * Kept(0.0).nbytes, 2 * PICTURE.nbytes
    held = {holding.what: holding.nbytes for holding in board._holdings()}
    assert held == {"timelines": steps, "results": results}
    assert board._release() == steps + PICTURE.nbytes
    assert {holding.what for holding in board._holdings()} == {"results"}
    assert board._release() == 0


def test_what_waits_when_it_closes_says_why_it_stopped(studio: Open) -> None:
    board = studio(Gate())
    first = running(board, board.put())
    second, third = board.put(), board.put()
    board.pause_job(third)
    board.close()
    assert board.status(first).state == "stopped"
    assert board.status(third).error == CLOSING, "no worker has one that rests"
    status = board.status(second)
    assert (status.state, status.error) == ("stopped", CLOSING)
    assert board.status(first).error == CLOSING, "no result is promised that goes with the process"
    assert not any(thread.is_alive() for thread in board._crew._threads)


def test_what_is_done_for_a_job_does_not_grow_with_those_that_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Touched(Job):
        touches = 0

        def __getattribute__(self, name: str) -> object:
            Touched.touches += 1
            return super().__getattribute__(name)

    monkeypatch.setattr("backend.engine.jobs.board.Job", Touched)
    wanted = ResolvedRequest(SETTINGS, save=False, runs=(SETTINGS,))

    def touches(waiting: int) -> int:
        board: Board[Kept] = Board(None, Limits(waiting=9999, waiting_in_all=9999))
        for number in range(waiting):
            board._put(wanted, f"owner {number % 100}", background=False)
        before = Touched.touches
        for number in range(20):
            board._put(wanted, f"owner {number}", background=False)
            job = board._queue.pop(wait=False)
            assert job is not None
            assert job.start()
            board._begun(job)
            job.finish("done")
            board._ended(job)
        return Touched.touches - before

    assert touches(2000) <= 1.1 * touches(200)
