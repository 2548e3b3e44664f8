"""The helper of share links is the known one; the last test fails once Gradio checks it itself."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path

import pytest
from gradio import tunneling

from ui.gradio_compat.share_helper import UNKNOWN, checking, run_known_helpers_only

GOOD = b"the helper"
SUM = hashlib.sha256(GOOD).hexdigest()


def test_one_that_lies_there_is_run_only_where_it_is_the_known_one(tmp_path: Path) -> None:
    path = tmp_path / "frpc"
    fetched: list[int] = []

    def download() -> None:
        if not path.exists():
            fetched.append(1)
            path.write_bytes(GOOD)

    checked = checking(download, path, SUM)
    path.write_bytes(b"another program")
    checked()
    assert (path.read_bytes(), len(fetched)) == (GOOD, 1)
    checked()
    assert len(fetched) == 1, "what is known is not fetched again"


def test_a_download_that_is_another_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "frpc"

    def download() -> None:
        path.write_bytes(b"another program")
        raise ValueError("a wrong sum")

    with pytest.raises(ValueError, match="wrong sum"):
        checking(download, path, SUM)()
    assert not path.exists()


def test_where_none_is_known_none_is_run(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=UNKNOWN):
        checking(lambda: None, tmp_path / "frpc", None)()


def test_gradio_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tunneling.Tunnel.download_binary
    monkeypatch.setattr(tunneling.Tunnel, "download_binary", staticmethod(before))
    run_known_helpers_only()
    checked = tunneling.Tunnel.download_binary
    run_known_helpers_only()
    assert tunneling.Tunnel.download_binary is checked
    assert checked is not before


def test_gradio_still_runs_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once this fails, Gradio looks at it itself, and `share_helper` can go."""
    path = tmp_path / "frpc"
    path.write_bytes(b"another program")
    monkeypatch.setattr(tunneling, "BINARY_PATH", str(path))
    inspect.unwrap(tunneling.Tunnel.download_binary)()
    assert path.read_bytes() == b"another program"
