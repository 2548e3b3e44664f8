"""Whose turn it is, and how long it takes until then."""

from __future__ import annotations

from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from tests.engine.contract.conftest import STEPS, Make, wanted
from tests.jobs import ended, running, until


def test_positions_count_the_jobs_before(make: Make) -> None:
    engine = make(60.0)
    running(engine, ask(engine, wanted()))
    tokens = [ask(engine, wanted()) for _ in range(2)]
    assert [engine.status(token).position for token in tokens] == [1, 2]


def test_people_take_turns(make: Make) -> None:
    engine = make(60.0)
    running(engine, ask(engine, wanted(), "ada"))
    ada = [ask(engine, wanted(), "ada") for _ in range(3)]
    bob = [ask(engine, wanted(), "bob") for _ in range(2)]
    order = [ada[0], bob[0], ada[1], bob[1], ada[2]]
    assert [engine.status(token).position for token in order] == [1, 2, 3, 4, 5]


def test_one_moves_up_among_ones_own(make: Make) -> None:
    engine = make(60.0)
    running(engine, ask(engine, wanted(), "ada"))
    second, other, third = (ask(engine, wanted(), owner) for owner in ("ada", "bob", "ada"))
    engine.promote(third)
    engine.promote(other)
    assert [engine.status(token).position for token in (third, other, second)] == [1, 2, 3]


def test_an_interactive_job_goes_before_those_in_the_background(make: Make) -> None:
    engine = make(60.0)
    running(engine, ask(engine, wanted()))
    slow, quick = ask(engine, wanted(), background=True), ask(engine, wanted())
    assert [engine.status(token).position for token in (quick, slow)] == [1, 2]


def test_a_job_in_the_background_gives_way_while_it_runs(make: Make) -> None:
    engine = make(0.02)
    alone = ended(engine, ask(engine, wanted(steps=60))).outputs[0].image
    slow = ask(engine, wanted(steps=60), background=True)  # long enough for the next to be asked
    until(engine, slow, lambda now: now.progress.step >= 2)
    quick = ask(engine, wanted("a boat", steps=2))
    assert engine.status(quick).position == 0
    assert ended(engine, quick).state == "done"
    assert engine.status(slow).state == "running"
    status = ended(engine, slow)
    assert status.state == "done"
    assert (status.outputs[0].image == alone).all()


def test_a_job_that_gave_way_counts_its_own_time(make: Make) -> None:
    engine = make(0.02)
    slow = ask(engine, wanted(steps=5), background=True)
    until(engine, slow, lambda now: now.progress.step >= 1)
    quick = ask(engine, wanted(steps=60))
    quick_s = ended(engine, quick).info["elapsed_s"]
    assert ended(engine, slow).info["elapsed_s"] < quick_s


def test_the_wait_is_foreseen_once_the_pace_is_known(make: Make) -> None:
    engine = make(0.05)
    ended(engine, ask(engine, wanted()))
    running(engine, ask(engine, wanted(steps=60)))
    waiting = ask(engine, wanted())
    status = engine.status(waiting)
    assert status.state == "queued"
    assert status.progress.eta_s is not None
    assert status.progress.eta_s > STEPS * 0.05
    assert engine.seconds(wanted(steps=60).settings) is not None


def rested(engine: Engine, owner: str) -> str:
    """A job that rests before it has begun."""
    engine.pause(True)
    token = ask(engine, wanted(), owner)
    engine.pause_job(token)
    engine.pause(False)
    return token


def test_nobody_waits_for_a_job_that_rests(make: Make) -> None:
    engine = make(60.0)
    rests = rested(engine, "ada")
    running(engine, ask(engine, wanted(), "bob"))
    waits = ask(engine, wanted(), "eve")
    assert engine.status(rests).state == "paused"
    assert engine.status(waits).position == 1
    assert engine.quota("ada").done_s == 0.0
    engine.resume_job(rests)
    assert [engine.status(token).position for token in (waits, rests)] == [1, 2]


def test_everybodys_jobs_are_stopped_at_once(make: Make) -> None:
    engine = make(60.0)
    jobs = [rested(engine, "b"), running(engine, ask(engine, wanted(), "a"))]
    jobs += [ask(engine, wanted(), owner) for owner in ("a", "b", "c")]
    assert engine.cancel_all() == 5
    assert [ended(engine, job).state for job in jobs] == ["stopped"] * 5
    assert engine.cancel_all() == 0
