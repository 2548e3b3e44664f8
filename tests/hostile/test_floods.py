"""Floods of connections and of events: those who are there go on, and the rest is a sentence."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.hostile.conftest import joined, listening
from tests.hostile.events import form, pressed
from tests.ui.conftest import Server, running
from ui.gradio_compat.joins import FULL, MAX_EVENTS

# As where a system gives a process few files; and who is silent is not let go for that alone.
_FEW_FILES = """
import dataclasses, resource, runpy
from ui.gradio_compat.sockets import SocketLimits
within = SocketLimits.within
SocketLimits.within = lambda files: dataclasses.replace(within(files), header_s=3600.0)
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
runpy.run_path("app.py", run_name="__main__")
"""


@contextmanager
def few_files(data: Path, soft: int, hard: int) -> Iterator[Server]:
    code = _FEW_FILES.format(soft=soft, hard=hard)
    with running(data, program=("-c", code)) as server:
        listening(server)
        yield server


@contextmanager
def silent(server: Server, count: int) -> Iterator[list[socket.socket]]:
    port = int(server.url.rsplit(":", 1)[1])
    made: list[socket.socket] = []
    try:
        for _ in range(count):
            try:
                made.append(socket.create_connection(("127.0.0.1", port), timeout=60))
            except OSError:
                break
        yield made
    finally:
        for one in made:
            one.close()


def answers(server: Server) -> bool:
    return httpx.get(f"{server.url}/gradio_api/app_id", timeout=120).status_code == 200


def still_open(held: list[socket.socket]) -> int:
    """How many have not been closed by the other side."""
    count = 0
    for one in held:
        one.setblocking(False)
        try:
            one.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            count += 1
        except OSError:
            pass
    return count


def test_a_thousand_silent_connections_change_nothing(tmp_path: Path) -> None:
    # The limit is raised at the start.
    with few_files(tmp_path / "data", 256, 4096) as server, silent(server, 1000) as held:
        assert len(held) == 1000
        assert answers(server)
        assert still_open(held) == 1000


def test_where_files_cannot_be_raised_silent_connections_give_way(tmp_path: Path) -> None:
    with few_files(tmp_path / "data", 512, 512) as server, silent(server, 1000) as held:
        assert answers(server)
        assert answers(server)
        assert 0 < still_open(held) < 512


def is_kept(client: httpx.Client, session: str) -> bool:
    """Whether there is anything to read for a session."""
    with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
        return '"session_not_found":true' not in next(stream.iter_text(), "")


@pytest.mark.slow
def test_joins_of_fresh_sessions_are_bounded_and_nobody_else_pays(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--fake", "0.2") as server:
        listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            events = client.get("/config").json()["dependencies"]
            number = events[0]["id"]
            sessions = [f"fresh-{n}" for n in range(MAX_EVENTS + 60)]
            answers = [joined(client, number, [], session) for session in sessions]
            assert {answer.status_code for answer in answers} <= {200, 503}
            refused = [answer for answer in answers if answer.status_code == 503]
            assert {answer.json()["detail"] for answer in refused} <= {FULL}
            assert client.get("/").status_code == 200
            kept = [session for session in sessions if is_kept(client, session)]
            assert len(kept) <= MAX_EVENTS
            assert joined(client, number, [], "somebody").status_code == 200
            assert is_kept(client, "somebody")


def test_jobs_of_fresh_pages_are_bounded_in_all(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--fake", "5") as server:
        listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            values = form(client)
            jobs, said = 0, ""
            while not said and jobs < 400:
                answer = pressed(client, f"p{jobs}", f"page {jobs}", values)
                jobs, said = jobs + 1, answer.get("error", "")
            assert jobs >= 200, said
            assert "jobs wait, as many as may" in said
