"""A shared page names no other host; the second test fails once that needs no work-around."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import gradio as gr

ROOT = Path(__file__).resolve().parents[3]
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


def test_a_shared_page_is_served_from_here() -> None:
    command = [sys.executable, "-c", SHARED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.split()[-1:] == ["False"], done.stderr
    chosen = '"frontend/share.html" if blocks.share else "frontend/index.html"'
    assert chosen in inspect.getsource(gr.routes)


def test_gradios_own_names_another_host() -> None:
    template = Path(gr.__file__).parent / "templates" / "frontend" / "share.html"
    assert f"{SCRIPT}https://" in template.read_text("utf-8")
