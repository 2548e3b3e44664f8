"""Gradio makes the server again and again; ours is made when it is launched, and is the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.routes import App

from tests.ui.conftest import free_port
from ui.gradio_compat.built_once import made_at_launch

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import json, urllib.request
from contextlib import nullcontext
import gradio as gr
from gradio.routes import App
from ui.gradio_compat.built_once import made_at_launch
made, create = [], App.create_app
App.create_app = staticmethod(lambda *a, **k: made.append(1) or create(*a, **k))
with {around}():
    with gr.Blocks(analytics_enabled=False) as blocks:
        blocks.queue(api_open=False)
        box = gr.Textbox("a red house", label="Prompt")
        box.change(lambda text: text, box, box)
    with blocks.route("Beside", "beside"):
        gr.Markdown("words")
before = len(made)
blocks.launch(server_port={port}, prevent_thread_lock=True, quiet=True, ssr_mode=False)
with urllib.request.urlopen("http://127.0.0.1:{port}/config", timeout=30) as answer:
    config = json.load(answer)
kept = {{key: config[key] for key in ("components", "dependencies", "layout", "page", "pages")}}
print(json.dumps([before, len(made) - before, kept]))
"""


def ran(around: str) -> tuple[int, int, dict[str, Any]]:
    """Applications made before the launch and by it, and the page's config."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(around=around, port=free_port())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    before, by_launch, config = json.loads(done.stdout.splitlines()[-1])
    return before, by_launch, config


def test_nothing_is_made_before_the_launch() -> None:
    before, by_launch, config = ran("made_at_launch")
    assert (before, by_launch) == (0, 1)
    plain = ran("nullcontext")
    assert plain[0] > 1  # once Gradio makes none before the launch, the work-around can go
    assert plain[1:] == (1, config)


def test_gradio_is_as_it_was_afterwards() -> None:
    before = (vars(App)["create_app"], vars(gr.Blocks)["get_config_file"])
    with pytest.raises(ZeroDivisionError), made_at_launch():
        _ = 1 // 0
    assert (vars(App)["create_app"], vars(gr.Blocks)["get_config_file"]) == before
