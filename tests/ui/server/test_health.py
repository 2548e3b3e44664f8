"""`/healthz` and `/readyz`: one word each, to anybody."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from backend.engine.jobs.protocol import Figures
from ui.server.health import health_routes


class Engine:
    """Says what a test says."""

    def __init__(self, told: Figures | Exception | None) -> None:
        self._told = told

    def figures(self) -> Figures | None:
        if isinstance(self._told, Exception):
            raise self._told
        return self._told


@pytest.mark.parametrize(
    ("told", "status", "text"),
    [
        (Figures({}, {}, {}), 200, "ready"),
        (None, 503, "starting"),
        (RuntimeError("no torch"), 503, "failed"),
    ],
)
def test_ready_is_who_takes_jobs(told: Any, status: int, text: str) -> None:
    engine: Any = Engine(told)
    client = TestClient(Starlette(routes=list(health_routes(engine))))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (status, text)
    health = client.get("/healthz")
    assert (health.status_code, health.text) == (200, "ok")
