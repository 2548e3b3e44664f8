"""A person's own account over the routes: who they are, keys, limits, an end to their data."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.contracts.events import Record
from backend.engine.fake.engine import FakeEngine
from backend.storage.accounts import Accounts
from backend.storage.audit import Audit
from backend.storage.history import History
from backend.storage.makers import Maker
from backend.storage.outputs import Storage
from backend.storage.sessions import Sessions
from ui.jobs.people import needing, people_routes
from ui.server.doors import Doors


class Studio:
    """The routes for one person, who is logged in by a word of the test."""

    def __init__(self, folder: Path, accounts: Accounts | None) -> None:
        self.engine = FakeEngine(queue=folder / "queue")
        self.audit = Audit(folder / "audit.log")
        self.doors = Doors(("ann", "x") if accounts is None else None, accounts)
        self.sessions = Sessions(folder / "sessions.json", self.doors.epoch)
        self.storage = Storage(folder)
        history = History(self.storage)
        routes = people_routes(self.engine, history, self.doors, self.sessions, self.audit)
        self.app = Starlette(
            routes=[*routes, Route("/owners", needing("owner", said, self.audit, "did it"))]
        )
        self.app.cookie_id, self.app.tokens = "c", {}  # type: ignore[attr-defined]

    def ask(
        self, method: str, path: str, user: str = "ada", role: str = "member", **sent: Any
    ) -> httpx.Response:
        async def known(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("state", {}).update(user=user, owner=f"@{user}/1", role=role)
            await self.app(scope, receive, send)

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=known)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.request(method, path, **sent)

        return asyncio.run(go())


async def said(request: Request) -> Response:
    return JSONResponse({"done": True})


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    accounts = Accounts(tmp_path / "accounts.json")
    accounts.add("ada", "a long secret")
    made = Studio(tmp_path, accounts)
    yield made
    made.engine.close()


def test_who_asks_is_told_with_limits_and_keys_without_secrets(studio: Studio) -> None:
    key = studio.ask("POST", "/me/keys", json={"name": "nightly", "scopes": ["read", "x"]}).json()
    told = studio.ask("GET", "/me")
    me = told.json()
    assert (me["name"], me["role"], me["accounts"]) == ("ada", "member", True)
    assert me["quota"]["waiting_limit"] == 32
    assert me["keys"] == [{"number": key["number"], "name": "nightly", "scopes": ["read"]}]
    assert key["key"] not in told.text
    assert studio.doors.holder(key["key"]) is not None
    assert studio.ask("POST", f"/me/keys/{key['number']}/take-back").json() == {}
    assert studio.doors.holder(key["key"]) is None
    did = [line["did"] for line in studio.audit.lines()]
    assert did == ["made a key", "took a key back"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"name": 1, "scopes": 3}'])
def test_what_is_no_request_is_a_sentence_or_a_plain_key(studio: Studio, body: bytes) -> None:
    answer = studio.ask("POST", "/me/keys", content=body)
    assert answer.status_code == 200
    assert set(answer.json()) in ({"error"}, {"number", "key"})


def test_an_end_to_ones_data_ends_keys_and_sessions(studio: Studio) -> None:
    secret = studio.ask("POST", "/me/keys", json={}).json()["key"]
    studio.sessions.open("token", "ada")
    assert studio.ask("POST", "/me/forget").json() == {"pictures": 0}
    assert studio.doors.holder(secret) is None
    assert studio.sessions.find("token") is None


def test_a_guests_data_are_those_of_one_login_session(studio: Studio) -> None:
    pixels, record = np.zeros((8, 8, 3), np.uint8), Record("txt2img", {"seed": 1}, {})
    mine, others = (
        studio.storage.save_output(pixels, record, Maker(owner, "ada"))
        for owner in ("@ada/1", "@ada/2")
    )
    studio.sessions.open("token", "ada")
    assert studio.ask("POST", "/me/forget", role="guest").json() == {"pictures": 1}
    assert (mine.exists(), others.exists()) == (False, True)
    assert studio.sessions.find("token") == "ada"
    assert studio.ask("POST", "/me/forget").json() == {"pictures": 1}
    assert not others.exists()


def test_where_all_share_one_name_nobody_has_an_account_of_their_own(tmp_path: Path) -> None:
    studio = Studio(tmp_path, None)
    try:
        for path in ("/me/keys", "/me/forget", "/me/keys/x/take-back"):
            answer = studio.ask("POST", path, user="ann", json={})
            assert "--auth-file" in answer.json()["error"]
        assert studio.ask("GET", "/me", user="ann", role="owner").json()["accounts"] is False
    finally:
        studio.engine.close()


def test_what_needs_a_role_is_refused_to_a_lesser_one_and_noted_for_the_other(
    studio: Studio,
) -> None:
    refused = studio.ask("GET", "/owners")
    assert refused.status_code == 403
    assert "this is for owners" in refused.json()["error"]
    assert studio.audit.lines() == []
    assert studio.ask("GET", "/owners", role="owner").json() == {"done": True}
    assert [(line["who"], line["did"]) for line in studio.audit.lines()] == [("ada", "did it")]
