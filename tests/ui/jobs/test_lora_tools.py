"""The pad, the picture at a point of it, and the footprint: jobs that plain routes begin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from backend.contracts.requests import Request, Runnable
from backend.contracts.settings import LoraMixSettings, Settings, parse
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from tests.jobs import ended
from ui.jobs.asked import Desk
from ui.jobs.lora_tools import lora_tool_routes
from ui.jobs.state import state_of


class Noting(FakeEngine):
    """Notes what was submitted, for whom, and how."""

    def __init__(self) -> None:
        super().__init__(step_time_s=0.001)
        self.submitted: list[tuple[Runnable, str, dict[str, Any]]] = []

    def submit(self, request: Runnable, owner: str = "", **options: Any) -> str:
        self.submitted.append((request, owner, options))
        return super().submit(request, owner, **options)


class Tab:
    """A desk that takes plain settings."""

    async def request(self, raw: dict[str, Any]) -> Request:
        return Request(parse(LoraMixSettings.mode, raw))


@pytest.fixture
def engine() -> Iterator[Noting]:
    made = Noting()
    yield made
    made.close()


@pytest.fixture
def client(engine: Noting) -> TestClient:
    desks = {LoraMixSettings.mode: cast(Desk, Tab())}
    routes = Starlette(routes=lora_tool_routes(engine, desks))

    async def owned(scope: Scope, receive: Receive, send: Send) -> None:
        await routes({**scope, "state": {"owner": ""}}, receive, send)

    return TestClient(owned)


LORAS = [{"name": "pocket-ink", "weight": 1.0}, {"name": "pocket-neon", "weight": 0.5}]
VALUES = {"prompt": "a red house", "steps": 8, "seed": 3, "model": "pocket", "loras": LORAS}


def settings_of(request: Runnable) -> Settings:
    assert isinstance(request, Request)
    assert not request.save
    return request.settings


def pad(client: TestClient, **values: Any) -> dict[str, Any]:
    return client.post("/pads", json={"values": VALUES | values, "page": "mine"}).json()


def test_a_pad_is_a_job_in_the_background_with_its_corners(
    client: TestClient, engine: Noting
) -> None:
    told = pad(client)
    assert told["loras"] == LORAS
    status = ended(engine, told["job"])
    ((request, owner, options),) = engine.submitted
    assert isinstance(settings_of(request), LoraPadSettings)
    assert (owner, options["background"]) == ("mine", True)
    state = state_of(status)
    assert [one["point"] for one in state["results"][:2]] == [[0.0, 0.0], [1.0, 0.0]]
    assert state["results"][0]["url"] == f"loom/jobs/{told['job']}/pictures/0"


def test_loras_may_stand_in_the_prompt(client: TestClient) -> None:
    told = pad(client, prompt="a house <lora:pocket-ink:0.4> <lora:pocket-neon>", loras=[])
    assert [one["name"] for one in told["loras"]] == ["pocket-ink", "pocket-neon"]


def test_a_point_is_drawn_with_all_steps_before_what_is_in_the_background(
    client: TestClient, engine: Noting
) -> None:
    job = pad(client)["job"]
    ended(engine, job)
    sent = {"x": 0.25, "y": 0, "page": "mine"}
    told = client.post(f"/pads/{job}/point", json=sent).json()
    status = ended(engine, told["job"])
    assert len(status.outputs) == 1
    request, owner, options = engine.submitted[-1]
    exact = settings_of(request)
    assert isinstance(exact, LoraMixSettings)
    assert [use.weight for use in exact.loras] == [0.75, 0.125]
    assert (exact.steps, exact.seed, owner) == (8, 3, "mine")
    assert not options.get("background")


@pytest.mark.parametrize("at", [{"x": -0.1}, {"x": 2, "y": 0}, {"x": "1", "y": 0}, {"x": True}, []])
def test_a_point_lies_on_the_pad(client: TestClient, engine: Noting, at: Any) -> None:
    job = pad(client)["job"]
    ended(engine, job)
    told = client.post(f"/pads/{job}/point", json=at).json()
    assert told == {"error": "A point of the pad lies between 0 and 1."}


def test_a_pad_that_is_not_known_draws_nothing(client: TestClient) -> None:
    told = client.post("/pads/nobodys/point", json={"x": 0, "y": 0}).json()
    assert set(told) == {"error"}


@pytest.mark.parametrize("count", [0, 1])
def test_a_pad_needs_two_loras(client: TestClient, count: int) -> None:
    assert "two to four LoRAs that are on" in pad(client, loras=LORAS[:count])["error"]


def drawn(engine: Noting, **values: Any) -> str:
    settings = parse(LoraMixSettings.mode, VALUES | values)
    job = ask(engine, Request(settings))
    ended(engine, job)
    return job


def test_a_footprint_is_of_a_picture_and_tells_of_each_lora(
    client: TestClient, engine: Noting
) -> None:
    sent = {"job": drawn(engine), "image": 0, "page": "mine"}
    told = client.post("/footprints", json=sent).json()
    status = ended(engine, told["job"])
    request, owner, options = engine.submitted[-1]
    assert isinstance(settings_of(request), FootprintSettings)
    assert (owner, options["background"]) == ("mine", True)
    state = state_of(status)
    assert [one["name"] for one in state["told"]["footprint"]] == ["pocket-ink", "pocket-neon"]
    assert len(state["results"]) == 2


@pytest.mark.parametrize("asked", [{"job": "nobodys"}, {"job": 3}, {}, [1]])
def test_a_footprint_needs_a_picture(client: TestClient, asked: Any) -> None:
    told = client.post("/footprints", json=asked).json()
    assert told == {"error": "There is no picture yet; generate one with LoRAs or regions first."}


def test_a_footprint_needs_loras(client: TestClient, engine: Noting) -> None:
    told = client.post("/footprints", json={"job": drawn(engine, loras=[]), "image": 0}).json()
    assert "without LoRAs" in told["error"]


@pytest.mark.parametrize("path", ["/pads", "/pads/x/point", "/footprints"])
def test_a_broken_request_is_told(client: TestClient, path: str) -> None:
    for body in (b"", b"{", b"\xff\xfe"):
        got = client.post(path, content=body)
        assert got.status_code == 400
        assert "did not arrive whole" in got.json()["error"]
