"""Guessing at passwords, from one address behind a proxy that nobody has named.

The studio's clock for logins stands still (`tests/ui/standing_logins.py`): on whatever machine, no
wait is over while a test goes on, and counts are exact. That a wait ends, and when, is told by
`tests/ui/server/test_logins.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.hostile.conftest import PASSWORD, USER, listening
from tests.ui.conftest import Server, running
from tests.ui.proxy import Proxy
from tests.ui.standing_logins import PROGRAM
from ui.server.logins import FREE_TRIES

FLAGS = ("--api", "--auth", f"{USER}:{PASSWORD}")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path / "data", *FLAGS, program=PROGRAM) as server:
        listening(server)
        yield server


def login(client: httpx.Client, password: str, name: str = USER, **headers: str) -> int:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = {"username": name, "password": password}
    return client.post("/login", data=data, headers=sent).status_code


def test_two_visitors_behind_one_proxy(guarded: Server) -> None:
    proxy = Proxy(guarded.url)
    try:
        with (
            httpx.Client(base_url=proxy.url, timeout=30) as ada,
            httpx.Client(base_url=proxy.url, timeout=30) as guesser,
        ):
            assert login(ada, PASSWORD) == 200
            codes = [login(guesser, f"guess {n}", x_forwarded_for=f"10.0.0.{n}") for n in range(40)]
            # No made-up address gives more; the right login's own try counts for nothing.
            assert codes == [400] * FREE_TRIES + [429] * (40 - FREE_TRIES)
            assert login(ada, PASSWORD) == 200  # the same address, the same name, at once
            wrong = {"username": USER, "password": "no"}
            told = guesser.post("/login", data=wrong)
            assert told.status_code == 429
            assert "try again in" in told.json()["detail"]
            assert int(told.headers["retry-after"]) >= 1
    finally:
        proxy.close()


def test_a_burst_at_once_gets_no_more_answers_than_one_after_another(guarded: Server) -> None:
    with ThreadPoolExecutor(40) as pool, httpx.Client(base_url=guarded.url, timeout=60) as client:
        barrier = threading.Barrier(40)

        def guess(number: int) -> int:
            barrier.wait()
            return login(client, f"guess {number}")

        codes = list(pool.map(guess, range(40)))
    assert codes.count(400) == FREE_TRIES
    assert codes.count(429) == 40 - FREE_TRIES


def test_every_door_counts_together(guarded: Server) -> None:
    with httpx.Client(base_url=guarded.url, timeout=30) as client:
        for number in range(FREE_TRIES // 2):
            assert login(client, "no") == 400
            said = client.get("/sdapi/v1/options", auth=(f"{USER}+{number}", "no"))
            assert said.status_code == 401
        assert client.get("/controlnet/version", auth=(USER, "no")).status_code == 429
        assert login(client, "no") == 429


@pytest.mark.slow
def test_devices_stay_known_after_a_restart(tmp_path: Path) -> None:
    jar = httpx.Cookies()
    for _ in range(2):
        with running(tmp_path / "data", *FLAGS, program=PROGRAM) as server:
            listening(server)
            with (
                httpx.Client(base_url=server.url, cookies=jar, timeout=30) as ada,
                httpx.Client(base_url=server.url, timeout=30) as guesser,
            ):
                while login(guesser, "no") != 429:
                    pass
                if jar:
                    assert login(ada, PASSWORD) == 200
                    return
        with running(tmp_path / "data", *FLAGS, program=PROGRAM) as server:
            listening(server)
            with httpx.Client(base_url=server.url, timeout=30) as ada:
                assert login(ada, PASSWORD) == 200
                jar.update({"loom-device": ada.cookies["loom-device"]})
    pytest.fail("no device was known")


@pytest.mark.slow
def test_a_proxy_that_is_named_is_believed(tmp_path: Path) -> None:
    with running(
        tmp_path / "data", *FLAGS, "--trusted-proxy", "127.0.0.1", program=PROGRAM
    ) as server:
        listening(server)
        with httpx.Client(base_url=server.url, timeout=30) as client:
            codes = [login(client, "no", x_forwarded_for="10.0.0.1") for _ in range(15)]
            assert codes == [400] * FREE_TRIES + [429] * (15 - FREE_TRIES)
            assert login(client, PASSWORD, x_forwarded_for="10.0.0.2") == 200
