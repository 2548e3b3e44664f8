"""Fetches the scripts of a large component when its fold opens, not with the page.

As it starts, Gradio's page (6.31) fetches the code of every component that is not invisible, also
of those in closed folds and tabs, which it does not draw yet: the picture editor alone is a third
of a megabyte. Upstream: gradio-app/gradio#10282 asks for parts that load when they are needed.
"""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

_SHOW = "() => ({__type__: 'update', visible: true})"


def fetched_with(fold: gr.Accordion, part: Component) -> None:
    """Leaves a part of a fold invisible until the fold is opened for the first time."""
    part.visible = False
    fold.expand(fn=None, js=_SHOW, outputs=part, show_progress="hidden", api_visibility="private")
