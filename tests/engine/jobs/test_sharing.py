"""Parts of a job that idle workers draw, the last ones first."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from backend.contracts.errors import Cancelled
from backend.contracts.events import Output
from backend.contracts.requests import Request
from backend.engine.jobs.executor import JobRun
from tests.engine.jobs.test_board import SETTINGS
from tests.engine.jobs.test_crew import Cards, Work, draws
from tests.jobs import ended

PARTS = [Request(SETTINGS.model_copy(update={"seed": seed})) for seed in range(3)]


class Sharing:
    """A leader on one card that offers three parts, and a helper that does what a test says."""

    def __init__(self, helps: Work) -> None:
        self.began, self.gate = threading.Event(), threading.Event()
        self.drawn: list[tuple[Output, ...] | None] = []
        self.helps, self.stops = helps, False
        self.seeds: list[int] = []
        self.board = Cards({"card 0": self.leads, "card 1": self.helped})

    def leads(self, run: JobRun) -> None:
        self.board.open("card 1")
        with run.share(PARTS) as elsewhere:
            assert self.began.wait(30)
            if self.stops:
                raise Cancelled("Stopped.")
            for number in range(3):
                found = elsewhere(number)
                self.drawn.append(None if found is None else tuple(found))
                if number == 1:
                    self.gate.set()
        draws(run)

    def helped(self, run: JobRun) -> None:
        assert isinstance(run.job.request, Request)
        self.seeds.append(run.job.request.settings.seed)
        self.began.set()
        self.helps(run)


@pytest.fixture
def made() -> Iterator[list[Sharing]]:
    found: list[Sharing] = []
    yield found
    for one in found:
        one.gate.set()
        one.board.close()


def test_an_idle_worker_draws_the_last_part_and_nobody_draws_it_twice(made: list[Sharing]) -> None:
    def helps(run: JobRun) -> None:
        assert one.gate.wait(30)
        run.tell("Memory was short.")
        draws(run)

    one = Sharing(helps)
    made.append(one)
    status = ended(one.board, one.board.put())
    assert status.state == "done", status.error
    assert [found is None for found in one.drawn] == [True, True, False]
    assert one.seeds == [2]
    (output,) = one.drawn[2] or ()
    assert output.record.extra["device"] == "card 1"
    assert "Memory was short." in status.info["notes"]
    assert one.board.quota("me").waiting == 0


def test_a_part_that_fails_elsewhere_is_drawn_here(made: list[Sharing]) -> None:
    def breaks(run: JobRun) -> None:
        assert one.gate.wait(30)
        raise RuntimeError

    one = Sharing(breaks)
    made.append(one)
    assert ended(one.board, one.board.put()).state == "done"
    assert one.drawn == [None, None, None]


def test_a_job_that_is_stopped_stops_its_parts(made: list[Sharing]) -> None:
    stopped = threading.Event()

    def goes_on(run: JobRun) -> None:
        try:
            while not one.gate.wait(0.01):
                run.check()
        except Cancelled:
            stopped.set()
            raise

    one = Sharing(goes_on)
    one.stops = True
    made.append(one)
    assert ended(one.board, one.board.put()).state == "stopped"
    assert stopped.wait(30)
    assert len(one.board._shelf.all()) == 1, "a part is nobody's job"


def test_with_one_device_nothing_is_offered() -> None:
    found: list[object] = []

    def leads(run: JobRun) -> None:
        with run.share(PARTS) as elsewhere:
            found.extend(elsewhere(number) for number in range(3))

    board = Cards({"": leads})
    assert ended(board, board.put()).state == "done"
    assert found == [None] * 3
    board.close()
