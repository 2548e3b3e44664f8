"""One studio for the attacks that may share one, which tells whom its process has asked."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hostile.table import planned
from tests.ui.conftest import Server, running

USER, PASSWORD = "ada", "a secret"
# Python runs this first: every name that is looked up and every address that is connected to.
_TELL = """
import sys
def _told(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        with open({log!r}, "a") as file:
            file.write(event + " " + repr(args[-2:] if "add" in event else args[-1]) + "\\n")
sys.addaudithook(_told)
"""


def pytest_configure(config: pytest.Config) -> None:
    """`make hostile` keeps a table."""
    planned(config, os.environ.get("LOOM_HOSTILE_TABLE"))


@dataclass(frozen=True)
class Victim:
    """A studio with a login and `/sdapi` on the FakeEngine.

    Attributes:
        server: The process.
        asked: File with a line for every name and address that it has asked for.
    """

    server: Server
    asked: Path

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        """A browser that has logged in; httpx keeps its cookies."""
        with httpx.Client(base_url=self.server.url, timeout=60) as client:
            answer = client.post("/login", data={"username": USER, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield client

    def requests_since(self, size: int) -> str:
        """What it has asked for since the file had `size` bytes."""
        return self.asked.read_text()[size:] if self.asked.exists() else ""

    @property
    def asked_bytes(self) -> int:
        """How long the file is."""
        return self.asked.stat().st_size if self.asked.exists() else 0


@pytest.fixture(scope="session")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    folder = tmp_path_factory.mktemp("told")
    asked = folder / "asked.txt"
    (folder / "sitecustomize.py").write_text(_TELL.format(log=str(asked)))
    data = tmp_path_factory.mktemp("data")
    flags = ("--api", "--auth", f"{USER}:{PASSWORD}")
    with running(data, *flags, PYTHONPATH=str(folder)) as started:
        yield Victim(started, asked)


@pytest.fixture(scope="session")
def browser(victim: Victim) -> Iterator[httpx.Client]:
    with victim.signed_in() as client:
        yield client


def listening(server: Server) -> list[str]:
    """Lines that a studio prints from here on; without a listener, it stops when the pipe is full.

    Args:
        server: One of the test's own: it has one listener.
    """
    said: list[str] = []
    printed = server.process.stdout
    assert printed is not None

    def listen() -> None:
        with suppress(ValueError):  # it is closed under our hands once the studio has ended
            said.extend(printed)

    threading.Thread(target=listen, daemon=True).start()
    return said


def joined(client: httpx.Client, fn_index: Any, data: Any, session: str) -> httpx.Response:
    """One event of the page, as its script sends it."""
    body = {"fn_index": fn_index, "data": data, "session_hash": session, "event_data": None}
    return client.post(
        "/gradio_api/queue/join",
        content=json.dumps(body),
        headers={"content-type": "application/json"},
    )
