"""What an owner does to one of several devices, and what others may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from backend.engine.fake.engine import FakeEngine
from backend.storage.audit import Audit
from ui.jobs.devices import device_routes


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    made = FakeEngine(devices=("cuda:0", "cuda:1"))
    yield made
    made.close()


def client(engine: FakeEngine, audit: Audit, role: str) -> TestClient:
    inside = Starlette(routes=device_routes(engine, audit))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"role": role, "user": "ada"}
        await inside(scope, receive, send)

    return TestClient(app)


def test_an_owner_drains_enables_and_keeps_a_device_and_it_is_noted(
    engine: FakeEngine, tmp_path: Path
) -> None:
    audit = Audit(tmp_path / "audit.log")
    owner = client(engine, audit, "owner")
    for path in ("drain", "pin?model=pocket"):
        assert owner.post(f"/devices/cuda:1/{path}").json() == {}
    told = engine.memory().devices[1]
    assert (told.takes, told.pinned) == (False, "pocket")
    assert owner.post("/devices/cuda:1/enable").json() == {}
    assert owner.post("/devices/cuda:1/pin").json() == {}
    told = engine.memory().devices[1]
    assert (told.takes, told.pinned) == (True, "")
    assert [(line["who"], line["did"], line["what"]) for line in audit.lines()] == [
        ("ada", "drained a device", "cuda:1"),
        ("ada", "kept a device for a model", "cuda:1 pocket"),
        ("ada", "enabled a device", "cuda:1"),
        ("ada", "kept a device for a model", "cuda:1"),
    ]
    assert "there are cuda:0, cuda:1" in owner.post("/devices/cuda:7/drain").json()["error"]


@pytest.mark.parametrize("role", ["member", "guest"])
def test_others_are_refused(engine: FakeEngine, tmp_path: Path, role: str) -> None:
    audit = Audit(tmp_path / "audit.log")
    for path in ("drain", "enable", "pin?model=pocket"):
        assert client(engine, audit, role).post(f"/devices/cuda:1/{path}").status_code == 403
    assert engine.memory().devices[1].takes
    assert audit.lines() == []
