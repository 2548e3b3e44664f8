"""Several workers behind one board: one that fails is taken out, and its jobs run elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from backend.contracts.errors import BadInput, OutOfMemory, UnknownName
from backend.contracts.events import Output, Record
from backend.contracts.requests import ResolvedRequest
from backend.engine.jobs.board import Board
from backend.engine.jobs.executor import JobRun
from backend.engine.jobs.job import Job
from backend.engine.jobs.limits import Limits
from backend.engine.jobs.seats import Seat
from backend.engine.jobs.waits import ALL_DRAINED, NOWHERE
from tests.engine.jobs.test_board import PICTURE, SETTINGS, Scripted
from tests.engine.jobs.test_timeline import Kept
from tests.jobs import ended

Work = Callable[[JobRun], None]
OTHER = "another model"


def draws(run: JobRun) -> None:
    run.deliver(Output(0, PICTURE, Record("txt2img", {"seed": 1}, {})))


class Cards(Board[Kept]):
    """A board of devices that do what the test says. All but the first are kept for another model,
    so that it is known who takes the first job."""

    def __init__(self, work: Mapping[str, Work], rooms: Mapping[str, int] | None = None) -> None:
        super().__init__(None, Limits())
        self.why: dict[str, str] = {}
        for number, (name, do) in enumerate(work.items()):
            seat = Seat[Job](
                name,
                lost=lambda error, name=name: self.why.get(name, ""),
                room_bytes=(rooms or {}).get(name, 0),
                pinned=OTHER if number else "",
            )
            self._employ(Scripted(do), None, name, seat)

    def put(self) -> str:
        wanted = ResolvedRequest(SETTINGS, save=False, runs=(SETTINGS,))
        return self._put(wanted, "me", background=False)

    def open(self, name: str) -> None:
        self.set_device(name, pinned="")

    def failed(self) -> list[str]:
        return [seat.failed for seat in self._crew.seats if seat.failed]

    def device(self, token: str) -> object:
        return self.results(token)[0].record.extra["device"]


Open = Callable[..., Cards]


@pytest.fixture
def cards() -> Iterator[Open]:
    made: list[Cards] = []

    def opened(*args: object, **values: object) -> Cards:
        made.append(Cards(*args, **values))  # type: ignore[arg-type]
        return made[-1]

    yield opened
    for one in made:
        one.close()


def test_a_device_that_fails_is_taken_out_and_its_job_runs_elsewhere(cards: Open) -> None:
    def falls(run: JobRun) -> None:
        draws(run)
        board.why["card 0"] = "card 0 failed: no answer."
        board.open("card 1")
        raise RuntimeError("no answer")

    board = cards({"card 0": falls, "card 1": draws})
    token = board.put()
    status = ended(board, token)
    assert status.state == "done"
    assert len(status.outputs) == 1, "what the lost device had drawn is drawn anew, once"
    assert "Started again: card 0 failed while it ran." in status.info["notes"]
    assert board.device(token) == "card 1"
    assert board.failed() == [
        "card 0 failed: no answer. It takes no jobs until an owner enables it again."
    ]
    board.why.clear()
    board.set_device("card 0", takes=True)
    assert board.failed() == []


def test_who_waits_for_a_device_is_told_why(cards: Open) -> None:
    def falls(run: JobRun) -> None:
        board.why["card 0"] = "card 0 failed: no answer."
        raise RuntimeError("no answer")

    board = cards({"card 0": falls, "card 1": draws})
    token = board.put()
    status = board.status(token)
    while not board.failed() or status.state != "queued":
        status = board.wait(token, status.revision, 1.0)
    assert board.status(token).progress.note == NOWHERE
    board.set_device("card 1", takes=False)
    assert board.status(token).progress.note == ALL_DRAINED
    board.set_device("card 1", takes=True, pinned="")
    assert ended(board, token).state == "done"


def test_a_job_under_which_two_devices_fail_is_not_tried_on_a_third(cards: Open) -> None:
    def falls(run: JobRun) -> None:
        board.why[run.job.device] = f"{run.job.device} failed."
        board.open("card 1")
        board.open("card 2") if run.job.moves else None
        raise RuntimeError

    board = cards({"card 0": falls, "card 1": falls, "card 2": draws})
    assert ended(board, board.put()).state == "failed"
    assert len(board.failed()) == 2
    assert ended(board, board.put()).state == "done", "the third goes on"


def test_the_last_device_is_not_taken_out(cards: Open) -> None:
    def falls(run: JobRun) -> None:
        raise RuntimeError

    board = cards({"card 0": falls, "card 1": draws})
    board.set_device("card 1", takes=False)
    board.why["card 0"] = "card 0 failed."
    assert ended(board, board.put()).state == "failed"
    assert board.failed() == []


@pytest.mark.parametrize(("room", "state"), [(2, "done"), (1, "failed")])
def test_what_does_not_fit_runs_on_a_larger_device_and_takes_none_out(
    cards: Open, room: int, state: str
) -> None:
    def too_small(run: JobRun) -> None:
        board.open("card 1")
        raise OutOfMemory("One picture of 512x512 px would fit.")

    board = cards({"card 0": too_small, "card 1": draws}, {"card 0": 1, "card 1": room})
    status = ended(board, board.put())
    assert status.state == state
    assert board.failed() == []
    if state == "done":
        assert "Started again: it did not fit into card 0." in status.info["notes"]
    else:
        assert status.error == "One picture of 512x512 px would fit."


def test_a_device_that_is_not_there_is_refused(cards: Open) -> None:
    board = cards({"card 0": draws, "card 1": draws})
    with pytest.raises(UnknownName, match="there are card 0, card 1"):
        board.set_device("card 9", takes=False)
    with pytest.raises(BadInput, match="pause the queue instead"):
        cards({"": draws}).set_device("", takes=False)
