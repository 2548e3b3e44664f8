"""Page actions that do not stand in one queue with runs.

Gradio (6.31) sends every event through one queue with forty places by default, and an endpoint
keeps its place as long as its job runs: behind forty scripts that wait, no preset could be chosen.
An event that answers once needs no queue; only streams do.
"""

from __future__ import annotations

import gradio as gr


def answer_at_once(page: gr.Blocks) -> None:
    """Takes the page's own events out of the queue; call once all of them are wired.

    Endpoints for scripts stay in it, and with them whatever streams.
    """
    for fn in page.fns.values():
        if fn.api_visibility != "public" and not fn.types_generator:
            fn.queue = False
