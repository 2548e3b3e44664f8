"""HTTP basic before `/sdapi/v1`: who is let in, who is not."""

from __future__ import annotations

import base64

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from ui.sdapi.access import BasicAuth
from ui.server.logins import FREE_TRIES, Logins


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"inside {Request(scope).url.path}")(scope, receive, send)


def basic(text: str, kind: str = "Basic") -> dict[str, str]:
    return {"authorization": f"{kind} {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize("kind", ["Basic", "basic", "BASIC"])
def test_name_and_password_let_in(kind: str) -> None:
    client = TestClient(BasicAuth(inside, ("ann", "pässwörd:x"), Logins(b"k" * 32)))
    answer = client.get("/samplers", headers=basic("ann:pässwörd:x", kind))
    assert (answer.status_code, answer.text) == (200, "inside /samplers")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("ann:wrong"),
        basic("bob:secret"),
        basic("ann"),
        basic("ann:secret", "Bearer"),
        {"authorization": "Basic"},
        {"authorization": "Basic %%%"},
        {"authorization": "Basic ann:secret"},
    ],
)
def test_everybody_else_is_asked(headers: dict[str, str]) -> None:
    client = TestClient(BasicAuth(inside, ("ann", "secret"), Logins(b"k" * 32)))
    answer = client.get("/samplers", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert "HTTP basic" in answer.json()["detail"]


def test_without_a_password_the_page_is_open() -> None:
    assert TestClient(BasicAuth(inside, None, Logins(b"k" * 32))).get("/x").status_code == 200


async def whose(scope: Scope, receive: Receive, send: Send) -> None:
    caller = Request(scope).state.caller
    await PlainTextResponse(f"{caller.owner} {caller.alike}")(scope, receive, send)


@pytest.mark.parametrize(
    ("name", "tunnel", "owner"),
    [
        ("ann", False, "sdapi/ann@127.0.0.1 False"),
        ("ann", True, "sdapi/ann@127.0.0.1 True"),
        ("ann+mine", True, "sdapi/ann+mine False"),
        ("ann+" + "x" * 99, False, f"sdapi/ann+{'x' * 64} False"),
    ],
)
def test_callers_are_told_apart(name: str, tunnel: bool, owner: str) -> None:
    app = BasicAuth(whose, ("ann", "secret"), Logins(b"k" * 32), tunnel=tunnel)
    client = TestClient(app, client=("127.0.0.1", 1))
    assert client.get("/x", headers=basic(f"{name}:secret")).text == owner


def test_a_word_is_no_way_past_the_password() -> None:
    client = TestClient(BasicAuth(inside, ("ann", "secret"), Logins(b"k" * 32)))
    assert client.get("/x", headers=basic("ann+mine:wrong")).status_code == 401
    assert client.get("/x", headers=basic("bob+ann:secret")).status_code == 401


def test_through_a_tunnel_a_network_address_still_tells_callers_apart() -> None:
    app = BasicAuth(whose, ("ann", "secret"), Logins(b"k" * 32), tunnel=True)
    client = TestClient(app, client=("10.0.0.7", 1))
    assert client.get("/x", headers=basic("ann:secret")).text == "sdapi/ann@10.0.0.7 False"


def test_wrong_passwords_are_counted_and_the_right_one_makes_its_client_known() -> None:
    app = BasicAuth(inside, ("ann", "secret"), Logins(b"k" * 32))
    known = TestClient(app, client=("127.0.0.1", 1))
    assert known.get("/x", headers=basic("ann:secret")).status_code == 200
    other = TestClient(app, client=("127.0.0.1", 2))
    codes = [
        other.get("/x", headers=basic(f"ann+{n}:no")).status_code for n in range(FREE_TRIES + 1)
    ]
    assert codes == [401] * FREE_TRIES + [429]
    refused = other.get("/x", headers=basic("ann:secret"))
    assert refused.status_code == 429
    assert "try again in" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert known.get("/x", headers=basic("ann:secret")).status_code == 200


def test_a_request_without_a_password_is_no_try() -> None:
    client = TestClient(BasicAuth(inside, ("ann", "secret"), Logins(b"k" * 32)))
    assert {client.get("/x").status_code for _ in range(FREE_TRIES + 5)} == {401}
    assert client.get("/x", headers=basic("ann:secret")).status_code == 200
