"""Jobs outlive their process: as they waited, with what they made, and not twice in silence."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contracts.clip import Clip, as_pictures
from backend.contracts.errors import BadInput, QueueFull, UnknownName
from backend.contracts.events import JobStatus, Pixels
from backend.contracts.requests import CaptionedPicture, Request, TrainLoraRequest
from backend.contracts.settings import parse
from backend.contracts.settings.train_lora import parse_training
from backend.contracts.sound import SOUND, Sound
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.engine.jobs.job import PUT_OFF
from backend.engine.jobs.lasting import AGAIN, NOT_KEPT, TWICE
from backend.engine.jobs.limits import STANDARD_LIMITS, Limits
from backend.resolve import migrations
from backend.storage.job_rows import JobRows

ENDED = ("done", "stopped", "failed")
SIDE_PX = 64


class Studio:
    """Engines one after the other on one folder, each ended like a process that is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engines: list[FakeEngine] = []

    def start(self, step_s: float = 0.0, limits: Limits = STANDARD_LIMITS) -> FakeEngine:
        self.engines.append(FakeEngine(step_time_s=step_s, queue=self.folder, limits=limits))
        return self.engines[-1]

    def kill(self) -> None:
        """Nothing that happens to this engine from here on reaches the folder."""
        lasting: Any = self.engines[-1]._lasting
        lasting._rows.close()
        self.engines[-1]._lasting = None
        for job in self.engines[-1]._shelf.all():
            job.lasting = False

    def close(self) -> None:
        for engine in self.engines:
            engine.close()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path / "queue")
    yield made
    made.close()


def asked(engine: FakeEngine, owner: str = "ada", steps: int = 2, **more: Any) -> str:
    images: dict[str, Pixels] = more.pop("images", {})
    mode = "img2img" if images else "txt2img"
    values = {"prompt": "a house", "seed": 1, "width": SIDE_PX, "height": SIDE_PX, "steps": steps}
    return ask(engine, Request(parse(mode, values | more), images), owner, lasting=True)


def ended(engine: FakeEngine, token: str) -> JobStatus:
    status = engine.status(token)
    until = time.monotonic() + 120
    while status.state not in ENDED and time.monotonic() < until:
        status = engine.wait(token, status.revision, 1.0)
    return status


def within(done: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not done() and time.monotonic() < until:
        time.sleep(0.02)
    return done()


def test_waiting_jobs_come_back_in_their_order_with_what_they_were_given(studio: Studio) -> None:
    first = studio.start(step_s=5)
    running = asked(first, steps=50)
    picture = np.full((SIDE_PX, SIDE_PX, 3), 77, np.uint8)
    waiting = [asked(first, images={"image": picture}, seed=n) for n in range(3)]
    assert within(lambda: first.status(running).state == "running")
    first.promote(waiting[2])
    studio.kill()
    second = studio.start()
    assert second.status(waiting[0]).token == waiting[0]
    statuses = [ended(second, token) for token in (running, *waiting)]
    assert [status.state for status in statuses] == ["done"] * 4
    assert [status.outputs[0].record.settings["seed"] for status in statuses[1:]] == [0, 1, 2]
    order = sorted(waiting, key=lambda token: second._shelf.get(token).ended_at or 0)  # type: ignore[union-attr]
    assert order == [waiting[0], waiting[2], waiting[1]]


def test_what_an_older_version_kept_is_brought_to_the_present(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = studio.start(step_s=5)
    running = asked(first, steps=50)
    waiting = asked(first, steps=7)
    assert within(lambda: first.status(running).state == "running")
    studio.kill()

    def fewer(document: dict[str, Any]) -> dict[str, Any]:
        return document | {"settings": document["settings"] | {"steps": 3}}

    newer = partial(migrations.migrate, migrations={1: fewer}, current=2)
    monkeypatch.setattr(migrations, "migrate", newer)
    monkeypatch.setattr(migrations, "SCHEMA", 2)
    status = ended(studio.start(), waiting)
    assert status.state == "done", status.error
    assert status.outputs[0].record.settings["steps"] == 3


def test_what_ran_starts_again_once_and_says_so(studio: Studio) -> None:
    first = studio.start(step_s=5)
    running = asked(first, steps=50)
    assert within(lambda: first.status(running).state == "running")
    time.sleep(0.1)
    studio.kill()
    second = studio.start(step_s=5)
    assert within(lambda: second.status(running).state == "running")
    assert within(lambda: AGAIN in second.status(running).info.get("notes", ()))
    studio.kill()
    third = studio.start()
    status = third.status(running)
    assert (status.state, status.error) == ("failed", TWICE)


def test_a_clip_that_ran_comes_back_whole_and_so_does_what_it_made(studio: Studio) -> None:
    """Killed in its middle it runs again by itself; done, its frames and sound are in files."""
    frames = tuple(np.full((SIDE_PX, SIDE_PX, 3), 9 * index, np.uint8) for index in range(4))
    images = as_pictures(Clip(frames, 10)) | {SOUND: Sound(b"aac", 0.4).as_picture()}
    values = {"prompt": "a house", "steps": 20, "control": False, "width": SIDE_PX}
    settings = parse("clip", values | {"height": SIDE_PX, "audio": True})
    first = studio.start(step_s=5)
    token = ask(first, Request(settings, images), "ada", lasting=True)
    assert within(lambda: first.status(token).state == "running")
    studio.kill()
    second = studio.start()
    assert (ended(second, token).state, len(second.status(token).outputs)) == ("done", 4)
    assert AGAIN in second.status(token).info["notes"]
    made = [output.image.copy() for output in second.results(token)]
    second.close()
    third = studio.start()
    outputs = third.results(token)
    assert all(np.array_equal(a.image, b) for a, b in zip(outputs, made, strict=True))
    assert all(np.array_equal(a.views["source"], b) for a, b in zip(outputs, frames, strict=True))
    assert Sound.of_picture(outputs[0].views[SOUND]) == Sound(b"aac", 0.4)


def test_what_has_ended_is_asked_for_as_before_and_takes_no_memory(studio: Studio) -> None:
    first = studio.start()
    token = asked(first, seed=5)
    before = ended(first, token)
    job = first._shelf.get(token)
    assert job is not None
    assert within(lambda: job.ram_bytes == 0)
    assert job.nbytes == SIDE_PX * SIDE_PX * 3
    assert first.memory().kept == () or all(one.what != "results" for one in first.memory().kept)
    first.close()
    second = studio.start()
    after = second.status(token)
    assert (after.state, after.token) == ("done", token)
    assert np.array_equal(after.outputs[0].image, before.outputs[0].image)
    assert after.outputs[0].record == before.outputs[0].record
    assert after.info["seeds"] == [5]


def test_tokens_are_written_nowhere_and_files_are_the_owners_alone(studio: Studio) -> None:
    engine = studio.start()
    picture = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    token = asked(engine, images={"image": picture})
    ended(engine, token)
    engine.close()
    for path in studio.folder.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(studio.folder.stat().st_mode) == 0o700
    again = studio.start()
    (row,) = again._lasting._rows.all()  # type: ignore[union-attr]
    with pytest.raises(UnknownName):
        again.status(row.key)


def test_closing_stops_what_runs_and_keeps_it_for_the_next_start(studio: Studio) -> None:
    first = studio.start(step_s=5)
    running, waiting = asked(first, steps=50), asked(first)
    assert within(lambda: first.status(running).state == "running")
    begun = time.monotonic()
    first.close()
    assert time.monotonic() - begun < 100  # of 250 s that it had to go
    assert [first.status(token).error for token in (running, waiting)] == [PUT_OFF] * 2
    second = studio.start()
    assert [ended(second, token).state for token in (running, waiting)] == ["done"] * 2
    assert AGAIN in second.status(running).info["notes"]
    assert AGAIN not in second.status(waiting).info.get("notes", ())


def test_what_rests_when_it_closes_rests_at_the_next_start(studio: Studio) -> None:
    first = studio.start()
    first.pause(True)
    token = asked(first, steps=6)
    first.pause_job(token)
    first.resume_job(token, steps=2)
    first.pause(False)
    assert within(lambda: first.status(token).state == "paused")
    first.close()
    assert first.status(token).state == "paused", "nobody is told that it ended"
    second = studio.start()
    assert second.status(token).state == "paused"
    second.resume_job(token)
    done = ended(second, token)
    assert (done.state, len(done.outputs)) == ("done", 1)
    assert AGAIN not in done.info.get("notes", ())


def test_who_names_the_same_job_again_gets_the_same_job(studio: Studio) -> None:
    first = studio.start(step_s=5)
    request = Request(parse("txt2img", {"steps": 2, "width": SIDE_PX, "height": SIDE_PX}))
    token = ask(first, request, "ada", lasting=True, token="of a press")
    assert token == ask(first, request, "ada", lasting=True, token="of a press") == "of a press"
    studio.kill()
    second = studio.start()
    assert ask(second, request, "ada", lasting=True, token="of a press") == token
    assert ended(second, token).state == "done"
    assert len(second._shelf.all()) == 1


def test_a_job_that_is_about_to_end_may(studio: Studio) -> None:
    engine = studio.start(step_s=0.2)
    token = asked(engine, steps=4)
    assert within(lambda: engine.status(token).progress.step > 0)
    engine.close()
    assert engine.status(token).state == "done"


def test_jobs_that_were_stopped_stay_stopped(studio: Studio) -> None:
    first = studio.start(step_s=5)
    running, waiting = asked(first, steps=50), asked(first)
    first.cancel(waiting)
    assert within(lambda: first.status(running).state == "running")
    first.cancel(running)
    assert ended(first, running).state == "stopped"
    first.close()
    second = studio.start()
    assert [second.status(token).state for token in (running, waiting)] == ["stopped"] * 2


def test_a_paused_queue_stays_paused(studio: Studio) -> None:
    first = studio.start()
    first.pause(True)
    token = asked(first)
    time.sleep(0.1)
    assert first.status(token).state == "queued"
    studio.kill()
    second = studio.start()
    assert second.paused
    time.sleep(0.1)
    assert second.status(token).state == "queued"
    second.pause(False)
    assert ended(second, token).state == "done"


def test_an_ended_job_is_asked_for_once_more_with_its_pictures(studio: Studio) -> None:
    first = studio.start()
    picture = np.full((SIDE_PX, SIDE_PX, 3), 9, np.uint8)
    token = asked(first, images={"image": picture})
    ended(first, token)
    first.close()
    second = studio.start()
    again = second.retry(token)
    assert again != token
    assert ended(second, again).state == "done"
    fleeting = ask(second, Request(parse("txt2img", {"steps": 1, "width": 64, "height": 64})))
    ended(second, fleeting)
    with pytest.raises(BadInput, match="not kept"):
        second.retry(fleeting)


def test_what_cannot_go_on_is_a_sentence(studio: Studio) -> None:
    first = studio.start()
    first.pause(True)
    token = asked(first, images={"image": np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)})
    branch = asked(first)
    studio.kill()
    rows = JobRows(studio.folder / "jobs.sqlite")
    kept = rows.all()
    rows.update(kept[1].key, request=json.dumps(json.loads(kept[1].request) | {"branches": True}))
    rows.close()
    for path in (studio.folder / "inputs").rglob("*.npy"):
        path.write_bytes(b"damaged")
    second = studio.start()
    assert second.status(token).state == "failed"
    assert "could not be read again" in str(second.status(token).error)
    assert second.status(branch).error == NOT_KEPT


def test_a_training_comes_back_with_its_pictures(studio: Studio) -> None:
    first = studio.start(step_s=0.001)
    first.pause(True)
    picture = CaptionedPicture("a.png", np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8), "a thing")
    settings = parse_training({"name": "mine", "steps": 3})
    token = ask(first, TrainLoraRequest(settings, (picture, picture)), lasting=True)
    studio.kill()
    second = studio.start(step_s=0.001)
    second.pause(False)
    assert ended(second, token).state == "done"


def test_what_nobody_needs_is_removed(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = studio.start()
    engine._shelf._keep = 2
    tokens = [
        asked(engine, images={"image": np.full((SIDE_PX, SIDE_PX, 3), n, np.uint8)})
        for n in range(5)
    ]
    ended(engine, tokens[-1])
    assert within(lambda: len(list((studio.folder / "inputs").rglob("*.npy"))) == 2)
    assert within(lambda: len(list((studio.folder / "results").iterdir())) == 2)
    left = studio.folder / "results" / "of nobody"
    left.mkdir()
    engine.close()
    again = studio.start()
    assert not left.exists()
    assert [one.state for one in map(again.status, tokens[3:])] == ["done"] * 2


def test_a_full_disk_still_runs_jobs(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = studio.start()

    def full(*_: Any) -> str:
        raise OSError(28, "no room")

    monkeypatch.setattr(engine._lasting._inputs, "put", full)  # type: ignore[union-attr]
    picture = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    assert ended(engine, asked(engine, images={"image": picture})).state == "done"


def test_what_is_kept_when_its_page_is_left_stays_so_over_a_restart(studio: Studio) -> None:
    first = studio.start(step_s=5)
    running, kept, other = (asked(first, steps=50, seed=n) for n in range(3))
    assert within(lambda: first.status(running).state == "running")
    first.keep(kept, True)
    studio.kill()
    second = studio.start(step_s=5)
    assert [second.status(token).keeps for token in (kept, other)] == [True, False]


def test_a_person_is_told_how_long_their_jobs_take(studio: Studio) -> None:
    engine = studio.start(step_s=5)
    assert engine.quota("ada").done_s == 0.0
    running = asked(engine, "bob", steps=2)
    assert within(lambda: engine.status(running).state == "running")
    asked(engine, "ada", steps=4)
    asked(engine, "eve", steps=100)
    assert engine.quota("nobody").done_s == 0.0
    ada, bob, eve = (engine.quota(who).done_s for who in ("ada", "bob", "eve"))
    assert ada is not None
    assert bob is not None
    assert eve is not None
    assert 0 < bob < 20 <= ada < 500 <= eve


def test_a_restart_gives_nobody_a_fresh_hour(studio: Studio) -> None:
    cost = 10 * SIDE_PX**2 / 1e6
    hour = replace(STANDARD_LIMITS, megapixel_steps=1.5 * cost)
    first = studio.start(limits=hour)
    ended(first, asked(first, "@ada/1", steps=10))
    studio.kill()
    second = studio.start(limits=hour)
    assert second.quota("@ada/2").megapixel_steps == round(cost, 2)
    with pytest.raises(QueueFull, match="in an hour"):
        asked(second, "@ada/2", steps=10)
    ended(second, asked(second, "@bob/1", steps=10))


def test_what_scripts_drew_leaves_the_memory_too(studio: Studio) -> None:
    small = replace(STANDARD_LIMITS, results_bytes=4 * SIDE_PX * SIDE_PX * 3)
    engine = studio.start(limits=small)
    values = {"width": SIDE_PX, "height": SIDE_PX, "steps": 1, "seed": 1}
    jobs = [ask(engine, Request(parse("txt2img", values)), "sdapi/+x") for _ in range(6)]
    assert all(ended(engine, token).state == "done" for token in jobs)
    assert within(lambda: sum(job.mapped for job in engine._shelf.all()) >= 5)
    assert all(len(engine.results(token)) == 1 for token in jobs), "all can still be asked for"
    assert engine.results(jobs[0])[0].image.shape == (SIDE_PX, SIDE_PX, 3)
    engine._shelf._keep = 1
    last = ask(engine, Request(parse("txt2img", values)), "sdapi/+x")
    ended(engine, last)
    assert within(lambda: len(engine._shelf.all()) == 1)
    engine.close()  # all that was on its way is written
    assert len(list((studio.folder / "results").iterdir())) <= 1, "what is forgotten is removed"
