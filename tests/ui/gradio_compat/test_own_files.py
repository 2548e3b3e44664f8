"""A shared page names no other host; the second test fails once that needs no work-around."""

from __future__ import annotations

import inspect
from pathlib import Path

import gradio as gr

from tests.ui.conftest import said_by

# A process of its own: Gradio leaves an event loop open.
SHARED = """
import gradio as gr
from ui.gradio_compat.own_files import serve_own_files
with gr.Blocks(analytics_enabled=False) as blocks:
    pass
blocks.share = True  # as with a link
serve_own_files(blocks)
print(blocks.share)
"""
SCRIPT = '<script type="module" crossorigin src="'


def test_a_shared_page_is_served_from_here(tmp_path: Path) -> None:
    assert said_by(SHARED, tmp_path)[-1:] == ["False"]
    chosen = '"frontend/share.html" if blocks.share else "frontend/index.html"'
    assert chosen in inspect.getsource(gr.routes)


def test_gradios_own_names_another_host() -> None:
    template = Path(gr.__file__).parent / "templates" / "frontend" / "share.html"
    assert f"{SCRIPT}https://" in template.read_text("utf-8")
