"""Who waits for whom: what runs and what waits counts, what rests does not."""

from __future__ import annotations

from backend.contracts.events import Progress
from backend.contracts.requests import ResolvedRequest, Runnable, TrainLoraRequest, VideoRequest
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.train_lora import parse_training
from backend.engine.jobs.job import Job, Patience, Rest
from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.shelf import Shelf
from backend.engine.jobs.waits import Waits

SETTINGS = Txt2ImgSettings(seed=1, model="tiny")
WHOLE_S = 100.0


class Room:
    """The jobs of a board, and who waits for whom among them."""

    def __init__(self) -> None:
        self.queue: FairQueue[Job] = FairQueue()
        self.shelf = Shelf()
        self.waits = Waits(self.queue, self.shelf, lambda settings: WHOLE_S)

    def job(self, owner: str = "ada", request: Runnable | None = None) -> Job:
        asked = request or ResolvedRequest(SETTINGS, runs=(SETTINGS,))
        job = Job(asked, owner, background=False, patience=Patience())
        self.shelf.put(job)
        return job

    def running(
        self, eta_s: float | None, owner: str = "ada", request: Runnable | None = None
    ) -> Job:
        job = self.job(owner, request)
        assert job.start()
        job.report(Progress("sampling", 2, 4, eta_s=eta_s))
        return job

    def waiting(self, owner: str = "ada") -> Job:
        job = self.job(owner)
        self.queue.push(job)
        return job


def test_nobody_waits_for_a_job_that_rests() -> None:
    room = Room()
    rests = room.running(60.0)
    rests.executed = 2
    assert rests.put_to_rest(Rest())
    room.running(5.0, "bob")
    waits = room.waiting("eve")
    status = room.waits.status(waits, None)
    assert (status.position, status.progress.eta_s) == (1, 5.0)
    resting = room.waits.status(rests, None)
    assert (resting.state, resting.position) == ("paused", 0)
    assert room.waits.done_s("ada", None) == 0.0
    assert room.waits.done_s("bob", None) == 5.0
    assert room.waits.done_s("eve", waits) == 5.0 + WHOLE_S


def test_one_that_goes_on_needs_what_it_still_needed() -> None:
    room = Room()
    first = room.running(7.0)
    first.executed = 2
    assert first.put_to_rest(Rest())
    first.go_on(first.request, None)
    room.queue.push(first)
    behind = room.waiting("bob")
    assert room.waits.status(behind, None).progress.eta_s == 7.0
    assert room.waits.done_s("ada", first) == 7.0
    unbegun = room.job("eve")
    assert unbegun.put_to_rest(Rest())
    unbegun.go_on(unbegun.request, None)
    room.queue.push(unbegun)
    assert room.waits.done_s("eve", unbegun) == 7.0 + WHOLE_S + WHOLE_S


def test_what_runs_in_front_is_named_as_far_as_it_concerns_who_waits() -> None:
    training = TrainLoraRequest(parse_training({"name": "mine", "steps": 3}), ())
    said = {"a training runs": training, "a video is saved": VideoRequest("x"), "": None}
    for note, request in said.items():
        room = Room()
        room.running(1.0, "bob", request)
        waits = room.waiting()
        assert room.waits.status(waits, None).progress.note == note
