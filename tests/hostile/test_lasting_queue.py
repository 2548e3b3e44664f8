"""A queue that lasts: killed at any moment, it loses no waiting job and draws none twice unsaid."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.engine.jobs.lasting import AGAIN, TWICE
from tests.hostile.conftest import listening
from tests.hostile.events import ended, form, pressed
from tests.ui.conftest import Server, running

KILLS = 12
JOBS = 20


def killed(server: Server) -> None:
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def queued(client: httpx.Client, count: int, steps: int = 3) -> list[str]:
    values = form(client) | {"prompt": "a house", "steps": steps}
    return [pressed(client, f"press {n}", values=values)["job"] for n in range(count)]


def test_a_page_that_comes_back_after_a_kill_finds_its_jobs(tmp_path: Path) -> None:
    with running(tmp_path / "data", fake_step_s="0.3") as server:
        listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            first = queued(client, 1, 1)[0]
            assert ended(client, first)["state"] == "done"
            running_now = pressed(client, "long", values=form(client) | {"steps": 40})["job"]
            values = form(client) | {"steps": 1}
            waiting = pressed(client, "next", values=values)["job"]
            time.sleep(0.5)
            killed(server)
    with running(tmp_path / "data", fake_step_s="0.001") as server:
        listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            done = ended(client, first)
            assert done["state"] == "done"
            assert client.get(f"/loom/jobs/{first}/pictures/0").content.startswith(b"\x89PNG")
            # As a page does whose answer never came: the same press is the same job.
            assert pressed(client, "next", values=values)["job"] == waiting
            again, fresh = ended(client, running_now), ended(client, waiting)
            assert (again["state"], fresh["state"]) == ("done", "done")
            assert AGAIN in again["told"]["notes"]
            assert AGAIN not in fresh["told"].get("notes", [])


@pytest.mark.slow
def test_kills_at_random_moments_lose_no_job(tmp_path: Path) -> None:
    """Of a queue of 20; each start is killed once more until all has ended."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    jobs: list[str] = []
    states: dict[str, dict[str, Any]] = {}
    for kill in range(KILLS + 1):
        with running(tmp_path / "data", fake_step_s="0.02") as server:
            listening(server)
            with httpx.Client(base_url=server.url, timeout=60) as client:
                if not jobs:
                    jobs = queued(client, JOBS)
                if kill == KILLS:
                    states = {job: ended(client, job) for job in jobs}
                    break
                time.sleep(chance.uniform(0.0, 0.6))
                killed(server)
    told = {job: state["state"] for job, state in states.items()}
    assert set(told.values()) <= {"done", "failed"}, (seed, told)
    assert len(jobs) == JOBS
    for state in states.values():
        if state["state"] == "failed":
            assert state["message"] == TWICE, seed
    pictures = list((tmp_path / "data" / "outputs").rglob("*.png"))
    said = sum(AGAIN in state["told"].get("notes", []) for state in states.values())
    failed = list(told.values()).count("failed")
    assert len(pictures) <= JOBS + said + failed, seed  # none was drawn twice unsaid
    assert not list((tmp_path / "data").rglob("outputs/*/.writing-*"))


@pytest.mark.slow
def test_sigterm_takes_no_new_jobs_tells_and_leaves_the_rest_for_the_next_start(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "data", fake_step_s="0.5") as server:
        said = listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            jobs = queued(client, 3, 40)
            time.sleep(0.7)
            server.process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            server.process.wait(25)
            assert time.monotonic() - begun < 20
            assert server.process.returncode == 0
        assert not any("Traceback" in line for line in said), "".join(said)[-2000:]
    with running(tmp_path / "data", fake_step_s="0.001") as server:
        listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            assert [ended(client, job)["state"] for job in jobs] == ["done"] * 3


def test_the_queue_is_paused_and_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "data", fake_step_s="0.001") as server:
        listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            assert client.post("/loom/queue/pause").json() == {"paused": True}
            (job,) = queued(client, 1)
            time.sleep(0.5)
            assert client.get("/loom/queue").json() == {"paused": True}
            assert not list((tmp_path / "data").rglob("outputs/*/*.png"))
            assert client.post("/loom/queue/resume").json() == {"paused": False}
            assert ended(client, job)["state"] == "done"
            again = client.post(f"/loom/jobs/{job}/retry").json()["job"]
            assert again != job
            assert ended(client, again)["state"] == "done"
            assert "error" in client.post("/loom/jobs/unknown/retry").json()
