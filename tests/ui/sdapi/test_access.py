"""HTTP basic before `/sdapi/v1`: who is let in, who is not."""

from __future__ import annotations

import base64

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from ui.sdapi.access import BasicAuth


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"inside {Request(scope).url.path}")(scope, receive, send)


def basic(text: str, kind: str = "Basic") -> dict[str, str]:
    return {"authorization": f"{kind} {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize("kind", ["Basic", "basic", "BASIC"])
def test_name_and_password_let_in(kind: str) -> None:
    client = TestClient(BasicAuth(inside, ("ann", "pässwörd:x")))
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
    client = TestClient(BasicAuth(inside, ("ann", "secret")))
    answer = client.get("/samplers", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert "HTTP basic" in answer.json()["detail"]


def test_without_a_password_the_page_is_open() -> None:
    assert TestClient(BasicAuth(inside, None)).get("/x").status_code == 200
