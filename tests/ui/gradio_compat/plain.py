"""Pages of Gradio alone, without anything of ours: what the work-arounds are held against.

`python -m tests.ui.gradio_compat.plain PORT KIND` serves one until it is ended; in a process of its
own, as Gradio leaves sockets and event loops behind.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from ui.gradio_compat.login import SignedIn

HEAD = '<script src="./own.js"></script>'


async def who(request: Request) -> PlainTextResponse:
    """The name of who asks, where anybody has looked."""
    return PlainTextResponse(str(getattr(request.state, "user", "nobody asked")))


OPTIONS: dict[str, dict[str, Any]] = {
    "parts": {},
    "login": {
        "auth": ("ada", "secret"),
        "app_kwargs": {
            "routes": [
                Route("/open", who),
                Mount("/shut", SignedIn(Router([Route("/who", who)]))),
            ]
        },
    },
    "head": {"head": HEAD},
}


def main(port: int, kind: str) -> None:
    """Serves the page."""
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Textbox(label="spoken")
        choice = gr.Dropdown(["red", "blue"], value=None, label="choice", filterable=True)
        for name in ("input", "select"):
            count = f"() => {{ window.{name}s = (window.{name}s ?? 0) + 1; }}"
            getattr(choice, name)(fn=None, js=count)
        gr.HTML(
            "<i></i>",
            js_on_load="window.partWasThere = document.querySelector('#later') !== null;",
        )
        with gr.Tab("first"):
            gr.Textbox(label="at once")
        with gr.Tab("second"):
            gr.Textbox(label="later", elem_id="later")
        with gr.Accordion("folded", open=False, elem_id="folded"):
            gr.Textbox("held", label="inside", elem_id="inside")
    blocks.launch(
        server_name="127.0.0.1",
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,
        share=False,
        **OPTIONS[kind],
    )
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
