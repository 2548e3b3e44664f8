"""Gradio makes the server again and again; ours is made when it is launched, and is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.routes import App

from tests.ui.conftest import free_port, told_by
from ui.gradio_compat.built_once import made_at_launch

SCRIPT = """
import json, urllib.request
from contextlib import nullcontext
import gradio as gr
from gradio.context import Context
from gradio.routes import App
from ui.gradio_compat.built_once import made_at_launch
made, create = [], App.create_app

def tried(around, port):
    Context.id = 0  # as in a process of its own
    made.clear()
    App.create_app = staticmethod(lambda *a, **k: made.append(1) or create(*a, **k))
    with around():
        with gr.Blocks(analytics_enabled=False) as blocks:
            blocks.queue(api_open=False)
            box = gr.Textbox("a red house", label="Prompt")
            box.change(lambda text: text, box, box)
        with blocks.route("Beside", "beside"):
            gr.Markdown("words")
    before = len(made)
    blocks.launch(server_port=port, prevent_thread_lock=True, quiet=True, ssr_mode=False)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/config", timeout=60) as answer:
        config = json.load(answer)
    names = ("components", "dependencies", "layout", "page", "pages")
    return before, len(made) - before, {key: config[key] for key in names}

told = [tried(made_at_launch, PORTS[0]), tried(nullcontext, PORTS[1])]
"""


def ran(folder: Path) -> list[tuple[int, int, dict[str, Any]]]:
    """Applications made before the launch and by it, and the page's config: ours, Gradio's own."""
    told = told_by(f"PORTS = {[free_port(), free_port()]}\n{SCRIPT}", folder)
    return [tuple(one) for one in told]


def test_nothing_is_made_before_the_launch(tmp_path: Path) -> None:
    (before, by_launch, config), plain = ran(tmp_path)
    assert (before, by_launch) == (0, 1)
    assert plain[0] > 1  # once Gradio makes none before the launch, the work-around can go
    assert plain[1:] == (1, config)


def test_gradio_is_as_it_was_afterwards() -> None:
    before = (vars(App)["create_app"], vars(gr.Blocks)["get_config_file"])
    with pytest.raises(ZeroDivisionError), made_at_launch():
        _ = 1 // 0
    assert (vars(App)["create_app"], vars(gr.Blocks)["get_config_file"]) == before
