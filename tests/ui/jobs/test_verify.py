"""Verifying over plain routes: what is asked, how it went, and who may not."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.storage.outputs import Storage
from backend.storage.presets import PresetStore
from backend.storage.styles import StyleFiles
from tests.jobs import ended
from ui.jobs.verify import GONE, KEPT, NO_RUN, verify_routes
from ui.server.studio import Studio


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    made = FakeEngine(storage=Storage(tmp_path), step_time_s=0.005)
    yield made
    made.close()


@pytest.fixture
def client(engine: FakeEngine, tmp_path: Path) -> TestClient:
    studio = Studio(
        engine,
        PresetStore(tmp_path / "none", tmp_path / "presets"),
        Storage(tmp_path),
        StyleFiles(tmp_path / "none.csv", tmp_path / "styles.csv"),
    )
    routes = Starlette(routes=verify_routes(studio, {}))

    async def owned(scope: Scope, receive: Receive, send: Send) -> None:
        await routes({**scope, "state": {"owner": "somebody"}}, receive, send)

    return TestClient(owned)


def drawn(engine: FakeEngine, seed: int = 4) -> str:
    job = ask(engine, Request(Txt2ImgSettings(prompt="a house", steps=20, seed=seed)))
    ended(engine, job)
    return job


def begun(client: TestClient, job: str) -> str:
    told = client.post("/verify", json={"picture": {"job": job, "image": 0}}).json()
    assert set(told) == {"job"}, told
    return str(told["job"])


def test_a_run_ends_in_a_report_and_two_pictures(
    client: TestClient, engine: FakeEngine, tmp_path: Path
) -> None:
    job = begun(client, drawn(engine))
    ended(engine, job)
    told = client.get(f"/verify/{job}").json()
    assert told["report"]["verdict"] == "The same, bit for bit."
    then, now = (client.get(f"/verify/{job}/{which}") for which in ("then", "now"))
    assert then.headers["content-type"] == now.headers["content-type"] == "image/png"
    one, other = (np.asarray(Image.open(io.BytesIO(got.content))) for got in (then, now))
    assert np.array_equal(one, other)
    tag = then.headers["etag"]
    assert client.get(f"/verify/{job}/then", headers={"If-None-Match": tag}).status_code == 304
    assert len(list(tmp_path.rglob("*.png"))) == 1  # nothing was saved by it


def test_a_run_that_was_stopped_is_not_compared(client: TestClient, engine: FakeEngine) -> None:
    first = drawn(engine)
    engine.step_time_s = 0.5
    job = begun(client, first)
    engine.cancel(job)
    assert ended(engine, job).state == "stopped"
    got = client.get(f"/verify/{job}")
    assert got.status_code == 404
    assert "Stopped" in got.json()["error"]


def test_only_the_last_are_kept(client: TestClient, engine: FakeEngine) -> None:
    first = drawn(engine)
    jobs = [begun(client, first) for _ in range(KEPT + 1)]
    for job in jobs:
        ended(engine, job)
    assert client.get(f"/verify/{jobs[0]}").json() == {"error": NO_RUN}
    assert client.get(f"/verify/{jobs[0]}/then").status_code == 404
    assert "report" in client.get(f"/verify/{jobs[1]}").json()


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        ({"job": "nobody's"}, GONE),
        ({}, GONE),
        ([1], GONE),
        ({"job": 3, "image": "x"}, GONE),
        ({"name": "../secret.png"}, "There is no such picture among the outputs."),
        ({"path": "/etc/hostname"}, "Upload the file; a path on the server is not accepted."),
    ],
)
def test_what_is_not_there_is_a_sentence(client: TestClient, picture: Any, words: str) -> None:
    assert client.post("/verify", json={"picture": picture}).json() == {"error": words}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe"])
def test_a_broken_request_is_told(client: TestClient, body: bytes) -> None:
    got = client.post("/verify", content=body)
    assert got.status_code == 400
    assert "did not arrive whole" in got.json()["error"]


def test_another_job_is_no_verification(client: TestClient, engine: FakeEngine) -> None:
    assert client.get(f"/verify/{drawn(engine)}").json() == {"error": NO_RUN}
