import math
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from backend.contracts.errors import Cancelled, DeadlineExceeded
from backend.contracts.events import File, Output, Progress, Record
from backend.contracts.requests import Request, TrainLoraRequest
from backend.contracts.settings import MorphSettings, Txt2ImgSettings, XyzGridSettings
from backend.contracts.settings.train_lora import parse_training
from backend.engine.jobs.job import CLOSING, PUT_OFF, Job, Patience, Rest


def make(patience: Patience | None = None, clock: Callable[[], float] = time.monotonic) -> Job:
    request = Request(Txt2ImgSettings(seed=1))
    return Job(request, "me", background=False, patience=patience or Patience(), clock=clock)


class Clock:
    """Stands still until it is moved."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def picture(index: int = 0) -> Output:
    return Output(index, np.zeros((8, 8, 3), np.uint8), Record("txt2img", {"seed": index}, {}))


def test_tokens_are_long_and_differ() -> None:
    tokens = {make().token for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 32


def test_a_cancelled_job_stops_at_its_next_check_and_keeps_what_it_has() -> None:
    job = make()
    assert job.start()
    job.add(picture())
    job.check()
    job.cancel()
    with pytest.raises(Cancelled):
        job.check()
    job.finish("stopped", "Stopped.")
    assert len(job.status(0).outputs) == 1


def test_a_job_cancelled_while_it_waits_never_starts() -> None:
    job = make()
    job.cancel()
    assert not job.start()
    assert job.status(0).state == "stopped"


def test_a_job_whose_watcher_left_goes_on_for_the_grace_period_only() -> None:
    clock = Clock()
    job = make(Patience(grace_s=5.0), clock)
    assert job.start()
    job.detach()
    clock.now_s = 4.9
    job.check()
    clock.now_s = 5.1
    with pytest.raises(Cancelled):
        job.check()


def test_a_watcher_that_comes_back_in_time_keeps_the_job_alive() -> None:
    clock = Clock()
    job = make(Patience(grace_s=5.0), clock)
    assert job.start()
    job.detach()
    job.touch()
    clock.now_s = 5.1
    job.check()


def test_the_deadline_says_what_to_change() -> None:
    clock = Clock()
    job = make(Patience(deadline_s=60.0), clock)
    assert job.start()
    clock.now_s = 60.0
    job.check()
    clock.now_s = 60.1
    with pytest.raises(DeadlineExceeded, match="fewer steps"):
        job.check()


def test_a_job_that_is_watched_has_no_deadline() -> None:
    clock = Clock()
    job = make(Patience(deadline_s=60.0), clock)
    assert job.start()
    for minute in range(100):
        clock.now_s = 60.0 * minute
        job.touch()
        job.check()
    clock.now_s += 60.1
    with pytest.raises(DeadlineExceeded, match="--unwatched-hours"):
        job.check()


def test_the_deadline_counts_the_jobs_own_time() -> None:
    clock = Clock()
    job = make(Patience(deadline_s=60.0), clock)
    clock.now_s = 1000.0  # in the queue
    assert job.start()
    clock.now_s += 50.0
    with job.paused():
        clock.now_s += 5000.0  # others
        assert job.elapsed_s == 50.0
    job.check()
    assert job.elapsed_s == 50.0
    clock.now_s += 10.1
    with pytest.raises(DeadlineExceeded):
        job.check()


def test_patience_depends_on_what_is_asked_for() -> None:
    patience = Patience.of_hours(2)
    assert patience.of(Request(Txt2ImgSettings())) == Patience(10.0, 7200.0)
    grid = XyzGridSettings(x_field="steps", x_values="5, 9")
    for long in (MorphSettings(), grid):  # they go on when the page that asked is gone
        assert patience.of(Request(long)) == Patience(math.inf, 7200.0)
    training = TrainLoraRequest(parse_training({"name": "mine", "caption": "a boat"}), ())
    assert patience.of(training) == Patience(math.inf, math.inf)
    assert Patience.of_hours(0).deadline_s == math.inf


def test_an_abandoned_job_says_so() -> None:
    clock = Clock()
    job = make(Patience(grace_s=5.0), clock)
    job.detach()
    clock.now_s = 6.0
    assert not job.start()
    assert "watching" in str(job.status(0).error)


def test_an_ended_job_keeps_what_it_made_and_not_what_it_was_given() -> None:
    given = {"image": np.zeros((8, 8, 3), np.uint8)}
    job = Job(Request(Txt2ImgSettings(), given), "me", background=False, patience=Patience())
    assert job.start()
    job.add(picture())
    job.attach(File("a.mp4", "video/mp4", b"1234"))
    job.finish("done")
    assert isinstance(job.request, Request)
    assert job.request.images == {}
    assert job.nbytes == 8 * 8 * 3 + 4


def test_wait_returns_at_the_next_change() -> None:
    job = make()
    assert job.start()
    revision = job.status(0).revision
    threading.Timer(0.05, job.report, (Progress("sampling", 1, 20),)).start()
    started = time.monotonic()
    job.wait(revision, 120.0)
    assert time.monotonic() - started < 60
    assert job.status(0).progress.step == 1


def test_ending_twice_keeps_the_first_end() -> None:
    job = make()
    assert job.start()
    job.finish("done")
    job.finish("failed", "late")
    assert job.status(0).state == "done"
    assert job.status(0).error is None


def test_a_stage_without_steps_keeps_the_count_of_the_run() -> None:
    job = make()
    assert job.start()
    job.report(Progress("sampling", 20, 20))
    job.report(Progress("decoding"))
    assert (job.progress.stage, job.progress.step, job.progress.total) == ("decoding", 20, 20)


def test_one_that_is_stopped_at_the_same_moment_does_not_rest() -> None:
    job = make()
    assert job.start()
    job.cancel()
    assert not job.put_to_rest(Rest())
    assert job.state == "running"


@pytest.mark.parametrize("lasting", [False, True])
def test_one_that_rests_when_the_process_ends_stays_so_or_ends(lasting: bool) -> None:
    job = make()
    job.lasting = lasting
    assert job.put_to_rest(Rest())
    job.put_aside()
    job.cancel()
    status = job.status(0)
    assert (status.state, status.error) == (("paused", None) if lasting else ("stopped", CLOSING))
    assert not job.put_off, "nothing else is put off: it lies on the disk"


def test_one_that_is_put_off_may_come_to_rest() -> None:
    job, other = make(), make()
    for one in (job, other):
        one.lasting = True
        assert one.start()
        one.put_aside()
    assert job.put_to_rest(Rest())
    other.finish("stopped")
    assert (job.state, other.status(0).error) == ("paused", PUT_OFF)
