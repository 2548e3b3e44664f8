"""Gradio looks sessions up as in a dict; the last test fails once it keeps them itself."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from backend.storage.sessions import Sessions
from ui.gradio_compat.tokens import Tokens, keep_sessions


def test_it_is_a_dict_that_lists_nothing(tmp_path: Path) -> None:
    epochs = {"ada": "1"}
    tokens = Tokens(Sessions(tmp_path / "sessions.json", epochs.get))
    tokens["t"] = "ada"
    tokens["nobody's"] = "bob"
    assert tokens["t"] == tokens.get("t") == "ada"
    assert "t" in tokens
    assert tokens.get("nobody's") is None
    assert tokens.get(cast(Any, None)) is None
    assert list(tokens) == []
    with pytest.raises(KeyError):
        del tokens["unknown"]
    assert tokens.pop("t") == "ada"
    assert tokens.pop("t", None) is None


def test_a_page_keeps_its_cookies_name(tmp_path: Path) -> None:
    blocks: Any = SimpleNamespace(app=SimpleNamespace(tokens={}, cookie_id="drawn"))
    keep_sessions(blocks, Sessions(tmp_path / "s.json", {"ada": "1"}.get), "kept")
    blocks.app.tokens["t"] = "ada"
    assert blocks.app.cookie_id == "kept"
    again: Any = SimpleNamespace(app=SimpleNamespace(tokens={}, cookie_id="drawn"))
    keep_sessions(again, Sessions(tmp_path / "s.json", {"ada": "1"}.get), "kept")
    assert again.app.tokens["t"] == "ada"


def test_gradio_draws_a_cookies_name_at_each_start() -> None:
    source = inspect.getsource(gr.routes.App.__init__)
    assert "self.tokens = {}" in source
    assert "self.cookie_id = secrets.token_urlsafe" in source
