"""HTTP basic before `/sdapi/v1`: who is let in, who is not."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from backend.storage.accounts import Accounts
from ui.sdapi.access import Access
from ui.server.doors import Doors
from ui.server.logins import FREE_TRIES, Logins


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"inside {Request(scope).url.path}")(scope, receive, send)


def basic(text: str, kind: str = "Basic") -> dict[str, str]:
    return {"authorization": f"{kind} {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize("kind", ["Basic", "basic", "BASIC"])
def test_name_and_password_let_in(kind: str) -> None:
    client = TestClient(Access(inside, Doors(("ann", "pässwörd:x")), Logins(b"k" * 32)))
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
    client = TestClient(Access(inside, Doors(("ann", "secret")), Logins(b"k" * 32)))
    answer = client.get("/samplers", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert "HTTP basic" in answer.json()["detail"]


def test_without_a_password_the_page_is_open() -> None:
    assert TestClient(Access(inside, Doors(), Logins(b"k" * 32))).get("/x").status_code == 200


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
    app = Access(whose, Doors(("ann", "secret")), Logins(b"k" * 32), tunnel=tunnel)
    client = TestClient(app, client=("127.0.0.1", 1))
    assert client.get("/x", headers=basic(f"{name}:secret")).text == owner


def test_a_word_is_no_way_past_the_password() -> None:
    client = TestClient(Access(inside, Doors(("ann", "secret")), Logins(b"k" * 32)))
    assert client.get("/x", headers=basic("ann+mine:wrong")).status_code == 401
    assert client.get("/x", headers=basic("bob+ann:secret")).status_code == 401


def test_through_a_tunnel_a_network_address_still_tells_callers_apart() -> None:
    app = Access(whose, Doors(("ann", "secret")), Logins(b"k" * 32), tunnel=True)
    client = TestClient(app, client=("10.0.0.7", 1))
    assert client.get("/x", headers=basic("ann:secret")).text == "sdapi/ann@10.0.0.7 False"


def test_wrong_passwords_are_counted_and_the_right_one_makes_its_client_known() -> None:
    app = Access(inside, Doors(("ann", "secret")), Logins(b"k" * 32, lambda: 0.0))
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
    client = TestClient(Access(inside, Doors(("ann", "secret")), Logins(b"k" * 32)))
    assert {client.get("/x").status_code for _ in range(FREE_TRIES + 5)} == {401}
    assert client.get("/x", headers=basic("ann:secret")).status_code == 200


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    made = Accounts(tmp_path / "accounts.json")
    made.add("ada", "a long secret", "guest")
    return made


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_a_key_lets_its_account_in_as_far_as_it_goes_until_it_is_taken_back(
    accounts: Accounts,
) -> None:
    client = TestClient(Access(whose, Doors(accounts=accounts), Logins(b"k" * 32)))
    key, secret = accounts.make_key("ada", "reads", ("read",))
    assert client.get("/x", headers=bearer(secret)).text == f"key/@ada/{key.number} False"
    refused = client.post("/x", headers=bearer(secret))
    assert refused.status_code == 403
    assert refused.json()["detail"] == "That key may not draw; make one that may."
    assert client.get("/x", headers=bearer(secret + "x")).status_code == 401
    accounts.take_back("ada", key.number)
    assert client.get("/x", headers=bearer(secret)).status_code == 401


def test_accounts_come_in_with_their_password_and_words(accounts: Accounts) -> None:
    client = TestClient(Access(whose, Doors(accounts=accounts), Logins(b"k" * 32)))
    right = basic("ada+mine:a long secret")
    assert client.get("/x", headers=right).text == "sdapi/@ada+mine False"
    assert client.get("/x", headers=basic("ada:no")).status_code == 401
    accounts.suspend("ada")
    assert client.get("/x", headers=right).status_code == 401


def test_scripts_that_come_at_once_with_the_right_password_are_no_guesses(
    accounts: Accounts,
) -> None:
    app = Access(inside, Doors(accounts=accounts), Logins(b"k" * 32))

    async def go() -> list[int]:
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            right = basic("ada:a long secret")
            answers = await asyncio.gather(*(client.get("/x", headers=right) for _ in range(45)))
            return [answer.status_code for answer in answers]

    assert asyncio.run(go()) == [200] * 45


def test_a_key_of_no_meaning_comes_in_where_nobody_is_asked() -> None:
    client = TestClient(Access(whose, Doors(), Logins(b"k" * 32)))
    assert client.get("/x", headers={"authorization": "Bearer sk-none"}).status_code == 200


def test_name_and_password_may_come_as_a_key_where_there_are_no_accounts() -> None:
    app = Access(inside, Doors(("ann", "secret")), Logins(b"k" * 32))
    client = TestClient(app)
    assert client.get("/x", headers={"authorization": "Bearer ann:secret"}).status_code == 200
    assert client.get("/x", headers={"authorization": "Bearer ann:wrong"}).status_code == 401


def test_refusals_have_the_shape_of_their_door() -> None:
    app = Access(inside, Doors(("ann", "s")), Logins(b"k" * 32), shape=lambda k, t: {"told": k})
    assert TestClient(app).get("/x").json() == {"told": "Unauthorized"}
