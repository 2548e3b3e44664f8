"""Gradio fetches addresses that values name, until it is told not to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import safehttpx
from gradio import processing_utils

from ui.gradio_compat.no_fetching import NoRequests, make_no_requests


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (safehttpx, "get"),
        (safehttpx, "async_validate_url"),
        (processing_utils, "unsafe_download"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))  # to be put back
    make_no_requests()


@pytest.mark.usefixtures("quiet")
def test_nothing_is_fetched(tmp_path: Path) -> None:
    download = processing_utils.async_ssrf_protected_download
    with pytest.raises(NoRequests):
        asyncio.run(download("http://127.0.0.1/x.png", str(tmp_path)))
    with pytest.raises(NoRequests):
        processing_utils.unsafe_download("http://127.0.0.1/x.png", str(tmp_path))


def test_gradio_still_would(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Once this fails, values' addresses are not fetched through `safehttpx`: look anew."""
    asked: list[str] = []

    async def get(url: str, **options: object) -> None:
        asked.append(url)
        raise ConnectionError

    monkeypatch.setattr(safehttpx, "get", get)
    with pytest.raises(ConnectionError):
        asyncio.run(
            processing_utils.async_ssrf_protected_download("http://x.example/x.png", str(tmp_path))
        )
    assert asked == ["http://x.example/x.png"]
