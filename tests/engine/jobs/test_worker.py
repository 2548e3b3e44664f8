"""A worker outlives whatever happens in a job, or in what is told of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from backend.contracts.errors import (
    Cancelled,
    DeadlineExceeded,
    OutOfMemory,
    Paused,
    Unwatched,
)
from backend.contracts.events import Progress
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.executor import JobRun
from backend.engine.jobs.job import Job, Patience
from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.worker import Worker

Work = Callable[[JobRun], None]


def job(*, background: bool = False) -> Job:
    return Job(Request(Txt2ImgSettings(seed=1)), "me", background=background, patience=Patience())


def worked(jobs: list[Job], work: Work, ended: Callable[[Job], None] = lambda job: None) -> None:
    """Runs jobs one after the other in a worker, which is there afterwards."""
    queue: FairQueue[Job] = FairQueue()
    worker = threading.Thread(target=Worker(queue, work, None, ended).loop, daemon=True)
    worker.start()
    for one in jobs:
        queue.push(one)
        while one.ended_at is None:
            assert worker.is_alive()
            one.wait(one.status(0).revision, 0.5)
    assert worker.is_alive()
    queue.close()
    worker.join(10)
    assert not worker.is_alive()


@pytest.mark.parametrize(
    ("raised", "state", "said"),
    [
        (Cancelled("Stopped."), "stopped", "Stopped before the first step."),
        (Unwatched("Nobody."), "stopped", "Nobody was watching any more. Stopped before"),
        (DeadlineExceeded("It took too long."), "stopped", "It took too long."),
        (OutOfMemory("768x768 would fit."), "failed", "768x768 would fit."),
        (ValueError("/secret"), "failed", "Something went wrong inside the program (ValueError)"),
        (SystemExit(1), "failed", "Something went wrong inside the program (SystemExit)"),
        (KeyboardInterrupt(), "failed", "Something went wrong"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_job_raises_ends_that_job_alone(
    raised: BaseException, state: str, said: str
) -> None:
    first, second = job(), job()

    def work(run: JobRun) -> None:
        if run.job is first:
            raise raised

    worked([first, second], work)
    assert first.state == state
    assert str(first.status(0).error).startswith(said)
    assert second.state == "done"


def test_an_error_after_a_job_does_not_take_the_worker_along() -> None:
    def broken(ended: Job) -> None:
        raise RuntimeError("the shelf fell down")

    first, second = job(), job()
    worked([first, second], lambda run: None, broken)
    assert (first.state, second.state) == ("done", "done")


def test_an_interactive_job_runs_in_the_middle_of_one_in_the_background() -> None:
    queue: FairQueue[Job] = FairQueue()
    slow, quick, order = job(background=True), job(), list[str]()

    def work(run: JobRun) -> None:
        if run.job is quick:
            order.append("quick")
            return
        run.report(Progress("sampling", 3, 9))
        queue.push(quick)
        run.check()
        order.append("slow")
        assert run.job.progress == Progress("sampling", 3, 9, run.job.progress.elapsed_s)
        queue.close()

    queue.push(slow)
    Worker(queue, work, None, lambda ended: None).loop()
    assert order == ["quick", "slow"]
    assert (slow.state, quick.state) == ("done", "done")


def test_one_that_fails_in_the_middle_of_another_leaves_it_alone() -> None:
    queue: FairQueue[Job] = FairQueue()
    slow, quick = job(background=True), job()

    def work(run: JobRun) -> None:
        if run.job is quick:
            raise ValueError
        queue.push(quick)
        run.check()
        queue.close()

    queue.push(slow)
    Worker(queue, work, None, lambda ended: None).loop()
    assert (slow.state, quick.state) == ("done", "failed")


def test_a_job_that_is_stopped_as_it_comes_to_rest_ends() -> None:
    def work(run: JobRun) -> None:
        run.job.cancel()
        raise Paused

    one = job()
    worked([one], work)
    assert (one.state, one.status(0).error) == ("stopped", "Stopped before the first step.")
