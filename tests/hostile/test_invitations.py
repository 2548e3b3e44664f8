"""An invitation lets one person in, once, by a link that tells nobody else anything."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from backend.storage.accounts import Accounts
from backend.storage.audit import Audit
from tests.hostile.test_people import SECRET, command, logged_in, peopled
from tests.ui.conftest import Server


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with peopled(tmp_path_factory.mktemp("invited") / "data") as server:
        yield server


def stranger(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=60)


def test_an_owners_link_makes_one_account_and_logs_it_in(studio: Server) -> None:
    with logged_in(studio, "max") as member:
        refused = member.post("/loom/invitations", json={})
        assert (refused.status_code, "for owners" in refused.json()["error"]) == (403, True)
    with logged_in(studio, "olga") as owner:
        made = owner.post("/loom/invitations", json={"role": "member", "hours": 2}).json()
        for wrong in ({"role": "king"}, {"hours": "x"}, {"hours": 1e9}, {"account": "olga"}):
            assert "error" in owner.post("/loom/invitations", json=wrong).json()
        assert owner.post("/loom/invitations", content=b"[").json()["error"]
        assert owner.post("/loom/invitations/none/withdraw").json()["error"]
    secret = made["path"].rsplit("/", 1)[1]
    with stranger(studio) as one, stranger(studio) as two:
        for _ in range(3):  # a look, or a preview of the link, uses nothing up
            page = one.get(made["path"])
            assert page.status_code == 200
            assert "account of your own" in page.text
        assert two.post(made["path"], headers={"origin": "https://evil.example"}).status_code == 403
        bad = one.post(made["path"], data={"name": "<b>x", "password": SECRET})
        assert bad.status_code == 422
        assert "<b>x" not in bad.text
        came = one.post(made["path"], data={"name": "ina", "password": SECRET})
        assert (came.status_code, came.headers["location"]) == (303, "/")
        me = one.get("/loom/me").json()
        assert (me["name"], me["role"]) == ("ina", "member")
        assert all("SameSite=lax" in cookie for cookie in came.headers.get_list("set-cookie"))
        again = two.post(made["path"], data={"name": "eve", "password": SECRET})
        assert (again.status_code, "set-cookie" in again.headers) == (404, False)
        assert two.get(made["path"]).status_code == 404
        assert two.get("/loom/me").status_code == 401
    assert Accounts(studio.data / "accounts.json").get("eve") is None
    lines = [(line["who"], line["did"]) for line in Audit(studio.data / "audit.log").lines()]
    assert ("olga", "made an invitation") in lines
    assert ("ina", "came by an invitation") in lines
    for path in (studio.data / "accounts.json", studio.data / "audit.log"):
        assert secret not in path.read_text()


def test_a_guests_link_opens_one_session_and_no_more(studio: Server) -> None:
    said = command(studio.data, "invite", "--guest", "gus", "--address", studio.url)
    path = said.split()[-1].removeprefix(studio.url)
    with stranger(studio) as one, stranger(studio) as two:
        assert "password" not in one.get(path).text
        assert one.post(path).status_code == 303
        assert one.get("/loom/me").json()["role"] == "guest"
        assert two.post(path).status_code == 404
        assert one.post("/loom/sign-out").status_code == 200
        assert one.post(path).status_code == 404, "it does not come back by it either"


def test_one_that_is_withdrawn_or_too_old_lets_nobody_in(studio: Server) -> None:
    short = command(studio.data, "invite", "--hours", "0.00001").split()[-1]
    made = command(studio.data, "invite")
    assert command(studio.data, "invitations").count("member") == 1
    command(studio.data, "withdraw", made.split()[1].rstrip(","))
    with stranger(studio) as one:
        for link in (short, made.split()[-1], "http://x/loom/invitation/guessed"):
            path = "/loom/invitation/" + link.rsplit("/", 1)[1]
            assert one.get(path).status_code == 404
            assert one.post(path, data={"name": "eve", "password": SECRET}).status_code == 404
