"""FakeEngine keeps the Engine's contract."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from backend.contracts.errors import BadInput, QueueFull, UnknownName
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import parse
from backend.engine.fake.engine import FakeEngine
from backend.engine.fake.library import FAILURES
from backend.engine.jobs.asking import ask
from backend.engine.jobs.job import Patience
from backend.engine.jobs.limits import Limits
from tests.jobs import ended, video_of

STEPS = 6


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine(step_time_s=0.002, patience=Patience(grace_s=30.0))
    yield fake
    fake.close()


def request(**values: object) -> Request:
    return Request(parse("txt2img", {"prompt": "a red house", "seed": 5, "steps": STEPS} | values))


def test_a_job_runs_to_its_pictures(engine: FakeEngine) -> None:
    status = ended(engine, ask(engine, request(batch_size=2)))
    assert status.state == "done"
    assert status.info["seeds"] == [5, 6]
    assert [output.record.settings["seed"] for output in status.outputs] == [5, 6]
    assert status.outputs[0].image.shape == (256, 256, 3)
    assert status.timeline is not None
    assert status.timeline.steps == STEPS


def test_a_batch_equals_single_runs(engine: FakeEngine) -> None:
    pair = ended(engine, ask(engine, request(batch_size=2))).outputs
    single = ended(engine, ask(engine, request(seed=6))).outputs
    assert np.array_equal(pair[1].image, single[0].image)
    assert not np.array_equal(pair[0].image, single[0].image)


def test_previews_rise_and_end_with_the_final_one(engine: FakeEngine) -> None:
    token = ask(engine, request())

    async def watch() -> list[tuple[int, bool]]:
        seen: list[tuple[int, bool]] = []
        revision = 0
        while not seen or not seen[-1][1]:
            preview = await engine.next_preview(token, revision)
            assert preview is not None
            revision = preview.revision
            seen.append((revision, preview.final))
        return seen

    revisions = [revision for revision, _ in asyncio.run(watch())]
    assert revisions == sorted(set(revisions))


def test_no_preview_after_the_end(engine: FakeEngine) -> None:
    token = ask(engine, request())
    ended(engine, token)
    assert asyncio.run(engine.next_preview(token, 10_000, timeout_s=60.0)) is None


def test_cancel_stops_before_the_next_step(engine: FakeEngine) -> None:
    engine.step_time_s = 30.0
    token = ask(engine, request())
    engine.cancel(token)
    engine.cancel(token)
    status = ended(engine, token)
    assert status.state == "stopped"
    assert status.outputs == ()


def test_an_unwatched_job_stops_after_its_grace() -> None:
    fake = FakeEngine(step_time_s=0.02, patience=Patience(grace_s=0.1))
    try:
        token = ask(fake, request(steps=150))
        fake.detach(token)
        status = ended(fake, token)
        assert status.state == "stopped"
        assert "watching" in (status.error or "")
    finally:
        fake.close()


def test_a_touched_job_outlives_its_grace() -> None:
    fake = FakeEngine(step_time_s=0.05, patience=Patience(grace_s=1.5))
    try:
        token = ask(fake, request(steps=50))
        status = fake.status(token)
        while status.state in ("queued", "running"):
            fake.touch(token)
            status = fake.wait(token, status.revision, 0.1)
        assert status.state == "done"
    finally:
        fake.close()


def test_positions_count_the_jobs_before(engine: FakeEngine) -> None:
    engine.step_time_s = 30.0
    first = ask(engine, request())
    while engine.status(first).state != "running":
        engine.wait(first, engine.status(first).revision, 5.0)
    tokens = [ask(engine, request()) for _ in range(2)]
    assert [engine.status(token).position for token in tokens] == [1, 2]


def test_an_owner_may_not_fill_the_queue() -> None:
    fake = FakeEngine(step_time_s=30.0, limits=Limits(waiting=1))
    try:
        first = ask(fake, request(), "ada")
        while fake.status(first).state != "running":
            fake.wait(first, fake.status(first).revision, 5.0)
        ask(fake, request(), "ada")
        with pytest.raises(QueueFull):
            ask(fake, request(), "ada")
        ask(fake, request(), "bob")
    finally:
        fake.close()


@pytest.mark.parametrize("word", FAILURES)
def test_a_prompt_may_ask_for_a_failure(engine: FakeEngine, word: str) -> None:
    status = ended(engine, ask(engine, request(prompt=word)))
    assert status.state == "failed"
    assert status.error
    assert "/secret" not in status.error
    assert ended(engine, ask(engine, request())).state == "done"


def test_a_branch_gives_the_original(engine: FakeEngine) -> None:
    token = ask(engine, request())
    original = ended(engine, token).outputs[0].image
    again = ask(engine, Request(request().settings, branch=Branch(token, 2)))
    status = ended(engine, again)
    assert np.array_equal(status.outputs[0].image, original)
    assert status.info["steps"] == STEPS - 3


def test_the_timeline_ends_in_the_picture(engine: FakeEngine) -> None:
    token = ask(engine, request())
    picture = ended(engine, token).outputs[0].image
    assert np.array_equal(engine.timeline_frame(token, STEPS - 1), picture)
    assert not np.array_equal(engine.timeline_frame(token, 0), picture)
    assert not np.array_equal(
        engine.timeline_frame(token, 0, "xt"), engine.timeline_frame(token, 0, "x0")
    )
    assert video_of(engine, token)[4:8] == b"ftyp"
    with pytest.raises(BadInput):
        engine.timeline_frame(token, STEPS)


def test_unknown_names_are_refused(engine: FakeEngine) -> None:
    with pytest.raises(UnknownName):
        ask(engine, request(model="nowhere"))
    with pytest.raises(UnknownName):
        engine.status("nothing")
    engine.cancel("nothing")


def test_batches_follow_one_another_with_seeds_that_count_on(engine: FakeEngine) -> None:
    status = ended(engine, ask(engine, request(batch_size=2, batch_count=3)))
    assert [output.record.settings["seed"] for output in status.outputs] == list(range(5, 11))
    assert [output.index for output in status.outputs] == list(range(6))
    assert status.info["seeds"] == list(range(5, 11))
    assert status.progress.total == 3 * STEPS
    assert status.outputs[3].record.settings["batch_count"] == 1
    assert status.outputs[3].record.settings["batch_size"] == 1


def test_own_jobs_move_up_and_know_their_wait(engine: FakeEngine) -> None:
    engine.step_time_s = 30.0
    first = ask(engine, request(), "ada")
    while engine.status(first).state != "running":
        engine.wait(first, engine.status(first).revision, 5.0)
    second, other, third = (ask(engine, request(), owner) for owner in ("ada", "bob", "ada"))
    wait_s = engine.status(other).progress.eta_s
    assert wait_s is not None
    assert wait_s >= STEPS * 30.0
    engine.promote(third)
    engine.promote(other)
    assert [engine.status(token).position for token in (third, other, second)] == [1, 2, 3]
