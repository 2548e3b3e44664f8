"""Servers of Gradio alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ui.conftest import ROOT, free_port


@contextmanager
def serving(kind: str) -> Iterator[str]:
    """Where a page of `tests.ui.gradio_compat.plain` answers."""
    port = free_port()
    command = [sys.executable, "-m", "tests.ui.gradio_compat.plain", str(port), kind]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def plain() -> Iterator[str]:
    """A page with a field, a fold with another, and a picture editor."""
    with serving("parts") as url:
        yield url


@pytest.fixture(scope="module")
def with_login() -> Iterator[str]:
    """The same with a login, a route beside it that asks for it, and one that does not."""
    with serving("login") as url:
        yield url


@pytest.fixture(scope="module")
def with_head() -> Iterator[str]:
    """The same with a script in its head."""
    with serving("head") as url:
        yield url
