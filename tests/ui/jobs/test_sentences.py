"""Failures as sentences."""

from __future__ import annotations

import pytest

from backend.contracts.errors import OutOfMemory
from ui.jobs.sentences import sentence


def test_only_our_errors_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    assert sentence(OutOfMemory("Too large.")) == "Too large."
    text = sentence(RuntimeError("/secret/path"))
    assert "/secret" not in text
    assert "/secret" in caplog.text
