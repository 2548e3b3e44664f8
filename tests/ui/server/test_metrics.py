"""`/metrics`: Prometheus' text, to whoever has its key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette
from starlette.testclient import TestClient

from backend.contracts.holdings import Holding
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Figures, Memory
from tests.jobs import ended
from tests.ui.conftest import running
from ui.server.metrics import metrics_route, written

KEY = "a key for the figures"
SAMPLE = re.compile(r'[a-z_]+(?:\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? -?[0-9.e+-]+')


@pytest.fixture
def client() -> Iterator[TestClient]:
    engine = FakeEngine(step_time_s=0.001)
    settings = Txt2ImgSettings(prompt="a boat", steps=4, width=64, height=64, seed=1)
    ended(engine, ask(engine, Request(settings, save=False)))
    yield TestClient(Starlette(routes=[metrics_route(engine, KEY)]))
    engine.close()


def test_figures_of_jobs_steps_and_memory(client: TestClient) -> None:
    answer = client.get("/metrics", headers={"authorization": f"Bearer {KEY}"})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'loom_jobs_ended_total{mode="txt2img",state="done"} 1' in lines
    assert 'loom_step_seconds_count{model="pocket"} 4' in lines
    assert "loom_ready 1" in lines
    assert any(line.startswith('loom_weights_bytes{place="device"} ') for line in lines)
    assert all(SAMPLE.fullmatch(line) for line in lines if not line.startswith("#"))
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    assert "a boat" not in answer.text


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", "Bearer \xfc"])
def test_without_the_key_nothing_is_told(client: TestClient, given: str) -> None:
    answer = client.get("/metrics", headers={"authorization": given.encode("latin-1")})
    assert answer.status_code == 401
    assert "loom_" not in answer.text


def test_labels_are_escaped_and_the_same_twice_is_one() -> None:
    figures = Figures({('a "b"\\\n', "queued"): 2}, {}, {})
    kept = (Holding("x", "cpu", 1), Holding("x", "cpu", 2))
    text = written(figures, Memory(1, 2, kept=kept))
    assert r'loom_jobs{mode="a \"b\"\\\n",state="queued"} 2' in text
    assert text.count("loom_kept_bytes{") == 1
    assert 'loom_kept_bytes{what="x",place="cpu"} 3' in text


def test_the_server_answers_there_with_a_key_alone(tmp_path: Path) -> None:
    flags = ("--metrics-key", KEY, "--auth", "ann:secret", "--log", str(tmp_path / "log.jsonl"))
    with running(tmp_path / "data", *flags, fake_step_s="0.005") as server:
        told = requests.get(
            f"{server.url}/metrics", headers={"Authorization": f"Bearer {KEY}"}, timeout=60
        )
        assert "loom_ready 1" in told.text
        assert requests.get(f"{server.url}/metrics", timeout=60).status_code == 401
        for path, text in (("/healthz", "ok"), ("/readyz", "ready")):
            assert requests.get(server.url + path, timeout=60).text == text
    assert (tmp_path / "log.jsonl").exists()
