"""Invitations by their routes alone; `tests/hostile/test_invitations.py` has them in a studio."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from backend.storage.accounts import Accounts
from backend.storage.audit import Audit
from ui.jobs.inviting import invitation_routes
from ui.server.doors import Doors

SECRET = "a long secret"


def client(folder: Path, doors: Doors, role: str = "owner") -> TestClient:
    everybody, owners = invitation_routes(doors, Audit(folder / "audit.log"))
    app = Starlette(routes=[*everybody, Mount("/loom", routes=owners)])
    app.cookie_id, app.tokens = "c", {}  # type: ignore[attr-defined]

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {}).update(user="olga", role=role)
        await app(scope, receive, send)

    return TestClient(known, follow_redirects=False)


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    accounts = Accounts(tmp_path / "accounts.json")
    accounts.add("olga", SECRET, "owner")
    return Doors(None, accounts)


def test_a_link_is_made_used_once_and_noted(doors: Doors, tmp_path: Path) -> None:
    page = client(tmp_path, doors)
    made = page.post("/loom/invitations", json={"role": "guest"}).json()
    assert "An account of your own" not in page.get(made["path"]).text
    came = page.post(made["path"], data={"name": "gus", "password": SECRET})
    assert (came.status_code, len(came.headers.get_list("set-cookie"))) == (303, 2)
    assert doors.accounts is not None
    assert doors.accounts.get("gus").role == "guest"  # type: ignore[union-attr]
    assert page.post(made["path"], data={"name": "eve", "password": SECRET}).status_code == 404
    did = [(line["who"], line["did"]) for line in Audit(tmp_path / "audit.log").lines()]
    assert did == [("olga", "made an invitation"), ("gus", "came by an invitation")]


def test_a_form_that_does_not_fit_is_shown_again_with_the_reason(
    doors: Doors, tmp_path: Path
) -> None:
    page = client(tmp_path, doors)
    path = page.post("/loom/invitations", json={}).json()["path"]
    for body in (b"", b"\xff=\xff", b"name=x", b"a&" * 9, b"name=x&password=short"):
        answer = page.post(path, content=body)
        assert answer.status_code == 422, body
        assert "<form" in answer.text
    assert page.post(path, data={"name": "max", "password": SECRET}).status_code == 303


def test_lesser_roles_and_studios_without_accounts_invite_nobody(
    doors: Doors, tmp_path: Path
) -> None:
    assert client(tmp_path, doors, "member").post("/loom/invitations", json={}).status_code == 403
    without = client(tmp_path, Doors(("ann", "x")))
    assert "no accounts" in without.post("/loom/invitations", json={}).json()["error"]
    assert without.get("/loom/invitation/x").status_code == 404
    assert without.post("/loom/invitation/x").status_code == 404
