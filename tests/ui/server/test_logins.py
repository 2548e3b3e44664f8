"""How often one may guess, and that nobody locks out the rightful."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ui.server.logins import (
    A_MINUTE,
    FORGOTTEN_S,
    FREE_TRIES,
    FREE_TRIES_AN_ADDRESS,
    FREE_TRIES_OF_ALL,
    LONGEST_WAIT_S,
    Attempt,
    LoginGate,
    Logins,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(clock: Clock) -> Logins:
    return Logins(b"k" * 32, clock)


ADA = Attempt("ada")


def test_each_try_beyond_the_free_ones_waits_twice_as_long(logins: Logins, clock: Clock) -> None:
    assert [logins.begin(ADA) for _ in range(FREE_TRIES)] == [0.0] * FREE_TRIES
    waits: list[float] = []
    for _ in range(8):
        waits.append(logins.begin(ADA))
        clock.now += waits[-1]
        assert logins.begin(ADA) == 0.0  # as soon as it has waited
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]


def test_who_asks_again_too_early_does_not_make_it_longer(logins: Logins, clock: Clock) -> None:
    for _ in range(FREE_TRIES):
        logins.begin(ADA)
    assert [logins.begin(ADA) for _ in range(50)] == [2.0] * 50
    clock.now += 2.0
    assert logins.begin(ADA) == 0.0


def test_tries_are_forgotten_in_time(logins: Logins, clock: Clock) -> None:
    for _ in range(FREE_TRIES):
        logins.begin(ADA)
    clock.now += FORGOTTEN_S + 1
    assert [logins.begin(ADA) for _ in range(FREE_TRIES)] == [0.0] * FREE_TRIES


def test_the_right_password_counts_for_nothing_however_often(logins: Logins) -> None:
    for _ in range(5 * A_MINUTE):
        assert logins.begin(ADA) == 0.0
        logins.succeed(ADA)


def test_a_known_device_is_counted_apart_from_strangers_and_has_a_reserve(logins: Logins) -> None:
    known = Attempt("ada", device="its-number")
    for number in range(3 * A_MINUTE):
        logins.begin(Attempt(f"name {number}"))
        logins.begin(ADA)
    assert logins.begin(Attempt("another name")) > 0  # no more strangers in this minute
    assert logins.begin(known) == 0.0
    for _ in range(FREE_TRIES):
        logins.begin(known)
    assert logins.begin(known) > 0  # a stolen cookie is no way to guess


def test_where_addresses_tell_people_apart_they_are_counted(logins: Logins, clock: Clock) -> None:
    for _ in range(FREE_TRIES):
        logins.begin(Attempt("ada", "10.0.0.1"))
    assert logins.begin(Attempt("ada", "10.0.0.1")) > 0
    assert logins.begin(Attempt("ada", "10.0.0.2")) == 0.0
    for number in range(FREE_TRIES_AN_ADDRESS):
        logins.begin(Attempt(f"name {number}", "10.0.0.1"))
    assert logins.begin(Attempt("a further name", "10.0.0.1")) > 0
    for number in range(FREE_TRIES_OF_ALL):
        clock.now += 1  # not so fast that all of a minute are used up
        logins.begin(Attempt("ada", f"10.1.0.{number}"))
    assert logins.begin(Attempt("ada", "10.2.0.1")) > 0  # from a thousand addresses as well


def test_made_up_names_push_out_nobodys_count(logins: Logins, clock: Clock) -> None:
    for _ in range(FREE_TRIES + 1):
        logins.begin(ADA)
    for number in range(500):
        clock.now += 0.0001
        logins.begin(Attempt(f"made up {number}"))
    assert logins.begin(ADA) > 0


# --- the gate --------------------------------------------------------------------------------


async def _login(request: Request) -> Response:
    form = await request.form()
    await asyncio.sleep(0)
    return PlainTextResponse("", 200 if form.get("password") == "right" else 400)


def gate() -> LoginGate:
    return LoginGate(
        Starlette(routes=[Route("/login", _login, methods=["POST"])]),
        Logins(b"k" * 32, lambda: 0.0),
    )


def sending(work: Callable[[Callable[[], httpx.AsyncClient]], Any], app: LoginGate) -> Any:
    def client(address: str = "127.0.0.1") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    return asyncio.run(work(client))


def fields(password: str, name: str = "ada") -> dict[str, str]:
    return {"username": name, "password": password}


def test_a_burst_is_counted_before_it_is_answered() -> None:
    async def work(client: Any) -> list[int]:
        async with client() as one:
            tries = [one.post("/login", data=fields("no")) for _ in range(40)]
            return [answer.status_code for answer in await asyncio.gather(*tries)]

    codes = sending(work, gate())
    assert codes.count(400) == FREE_TRIES
    assert codes.count(429) == 40 - FREE_TRIES


def test_who_has_logged_in_before_is_let_in_while_a_stranger_guesses() -> None:
    async def work(client: Any) -> list[int]:
        async with client() as ada, client() as stranger, client() as forger:
            codes = [(await ada.post("/login", data=fields("right"))).status_code]
            for _ in range(30):
                last = await stranger.post("/login", data=fields("no"))
            codes.append(last.status_code)
            number, _, mac = ada.cookies["loom-device"].partition(".")
            forger.cookies.set("loom-device", f"{number}x.{mac}")
            codes.append((await forger.post("/login", data=fields("right"))).status_code)
            codes.append((await ada.post("/login", data=fields("right"))).status_code)
            codes.append((await ada.post("/login", data=fields("right", "bob"))).status_code)
            return codes

    assert sending(work, gate()) == [200, 429, 429, 200, 200]


@pytest.mark.parametrize("multipart", [True, False])
def test_both_kinds_of_forms_are_read_and_passed_on(multipart: bool) -> None:
    async def work(client: Any) -> list[int]:
        async with client() as one:
            sent = {"files": {"x": (None, "")}} if multipart else {}
            right = await one.post("/login", data=fields("right"), **sent)
            wrong = await one.post("/login", data=fields("no"), **sent)
            none = await one.post("/login", data={"password": "right"}, **sent)
            long = await one.post("/login", data=fields("x" * 20_000), **sent)
            return [answer.status_code for answer in (right, wrong, none, long)]

    assert sending(work, gate()) == [200, 400, 422, 422]
