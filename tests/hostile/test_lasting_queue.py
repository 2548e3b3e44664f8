"""A queue that lasts: killed at any moment, it loses no waiting job and draws none twice unsaid."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from backend.engine.jobs.job import CLOSING, PUT_OFF
from backend.engine.jobs.lasting import AGAIN, TWICE
from backend.recipes.metadata import read
from tests.hostile.conftest import listening
from tests.hostile.events import ended, form, pressed, states, stepped
from tests.ui.conftest import ROOT, Server, free_port, running

KILLS = 10
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
            stepped(client, running_now)
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
@pytest.mark.parametrize("number", range(5))
def test_kills_at_random_moments_lose_no_job(number: int, tmp_path: Path) -> None:
    """Fifty kills in all, ten of each queue of 20: while jobs come, run, wait, and at the start."""
    survives(tmp_path / "data", JOBS, KILLS, steps=3, step_s="0.15")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_of_the_real_engine_lose_no_job(tmp_path: Path) -> None:
    survives(tmp_path / "data", 8, 5, steps=12, step_s=None)


def survives(data: Path, count: int, kills: int, steps: int, step_s: str | None) -> None:
    """Fills a queue, kills the studio again and again, and looks at what became of the jobs."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    begun = time.monotonic()
    with running(data, fake_step_s=step_s) as server:
        ready_s = time.monotonic() - begun
        listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            values = form(client) | {"prompt": "a house", "steps": steps, "size": "64x64"}
            jobs = {
                n: pressed(client, f"press {n}", values=values | {"seed": n})["job"]
                for n in range(count)
            }
            time.sleep(chance.uniform(0.0, ready_s / 2))
            killed(server)
    fake = [] if step_s is None else ["--fake", step_s]
    for _ in range(kills - 1):
        command = [sys.executable, "app.py", *fake, "--port", str(free_port()), "--data", str(data)]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        time.sleep(chance.uniform(0.2, 1.5) * ready_s)
        process.kill()
        process.wait()
    with running(data, fake_step_s="0.001" if step_s is not None else None) as server:
        listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            states = {n: ended(client, job, 240) for n, job in jobs.items()}
    drawn: Counter[int] = Counter()
    for path in (data / "outputs").rglob("*.png"):
        with Image.open(path) as picture:
            picture.load()
        drawn[int(read(path.read_bytes()).settings["seed"])] += 1
    for n, state in states.items():
        said = AGAIN in state["told"].get("notes", [])
        twice = state["state"] == "failed" and state["message"] == TWICE
        assert state["state"] == "done" or twice, (seed, n, state)
        assert drawn[n] >= 1 or twice, (seed, n, "lost")
        assert drawn[n] <= 1 or said or twice, (seed, n, "drawn twice unsaid")
    assert not list(data.rglob("outputs/*/.writing-*")), "leftovers are cleared at the start"


@pytest.mark.slow
def test_sigterm_takes_no_new_jobs_tells_and_leaves_the_rest_for_the_next_start(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "data", "--api", fake_step_s="2") as server:
        said = listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            jobs = queued(client, 3, 40)
            told: list[dict[str, Any]] = []
            answers: list[httpx.Response] = []
            page = threading.Thread(target=lambda: told.extend(states(client, jobs[0], 240)))
            scripts = threading.Thread(target=lambda: answers.append(asked(server)))
            for one in (page, scripts):
                one.start()
            stepped(client, jobs[0])
            until = time.monotonic() + 240
            while not told or client.get("/loom/me").json()["quota"]["waiting_in_all"] < 3:
                assert time.monotonic() < until, "the script's job does not come"
                time.sleep(0.05)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(240) == 0
            for one in (page, scripts):
                one.join(60)
            assert (told[-1]["state"], told[-1]["message"]) == ("stopped", PUT_OFF)
            assert (answers[0].status_code, answers[0].json()["detail"]) == (503, CLOSING)
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


def asked(server: Server, task: str | None = None, **more: Any) -> httpx.Response:
    """One call of a script."""
    body = {"prompt": "a boat", "steps": 3, "width": 64, "height": 64, "force_task_id": task} | more
    return httpx.post(f"{server.url}/sdapi/v1/txt2img", json=body, timeout=240)


@pytest.mark.slow
def test_a_scripts_named_job_is_found_again_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, "--api", fake_step_s="3") as server:
        listening(server)
        cut: list[Exception] = []

        def call() -> None:
            try:
                asked(server, "nightly 7")
            except httpx.HTTPError as error:
                cut.append(error)

        script = threading.Thread(target=call)
        script.start()
        with httpx.Client(base_url=server.url, timeout=60) as client:
            until = time.monotonic() + 60
            while client.get("/sdapi/v1/progress").json()["state"]["sampling_step"] < 1:
                assert time.monotonic() < until
                time.sleep(0.05)
        killed(server)
        script.join(60)
        assert cut, "nobody was told that it is done"
    with running(data, "--api", fake_step_s="0.001") as server:
        listening(server)
        again, once_more = asked(server, "nightly 7"), asked(server, "nightly 7")
        assert again.status_code == once_more.status_code == 200
        jobs = [json.loads(answer.json()["info"])["job"] for answer in (again, once_more)]
        assert jobs[0] == jobs[1], "the same call under the same name is the same job"
        assert len(list((data / "outputs").rglob("*.png"))) <= 1
        other = asked(server, "nightly 7", prompt="a house")
        assert json.loads(other.json()["info"])["job"] != jobs[0]
