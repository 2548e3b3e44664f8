"""A real server on the FakeEngine, and a real browser in front of it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 120_000  # a slow machine with other work is no failure
BROWSER_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]


@dataclass(frozen=True)
class Server:
    """A running app.

    Attributes:
        url: Where it answers, without a slash at the end.
        said: What it printed until it was ready.
        data: Its data folder.
    """

    url: str
    said: str
    data: Path
    process: subprocess.Popen[str]


def free_port() -> int:
    """A port that nobody listened to a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(data: Path, *flags: str) -> Iterator[Server]:
    """Starts `app.py --fake` on a free port and ends it with SIGTERM."""
    command = [sys.executable, "app.py", "--fake", "--port", str(free_port()), "--data", str(data), *flags]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    said = ""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if line.startswith("Press Ctrl+C"):
                break
        else:
            pytest.fail(f"app.py ended before it answered:\n{said}")
        url = next(word for word in said.split() if word.startswith("http://")).rstrip("/")
        yield Server(url, said, data, process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the session."""
    with running(tmp_path_factory.mktemp("data"), "--step-time", "0.05") as started:
        yield started


@pytest.fixture(scope="session")
def chromium(chromium_path: str) -> Iterator[object]:
    """One browser for the session."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=BROWSER_ARGS)
        yield browser
        browser.close()
