"""Keeps the picture editor from gathering strokes of all visitors in one place.

Gradio's editor (6.31) has a server function for strokes that keeps them in a dict of the component
under an id that the page makes up: one dict for everybody, without a bound, and what was never
asked for stays (gradio-app/gradio#11056 shows that it is brittle too). Without listeners of
"change" and "input" the editor does not need it: it sends strokes as uploads, each a file under a
path that nobody can guess, when an event asks for its value.
"""

from __future__ import annotations

from typing import Any

import gradio as gr


class _Deaf(dict[str, Any]):
    """Keeps nothing, whoever sends it."""

    def __setitem__(self, key: str, value: Any) -> None:
        return


def strokes_as_uploads(editor: gr.ImageEditor) -> None:
    """Lets the editor's strokes arrive as files only; give it no "change" or "input" listener."""
    editor.blob_storage = _Deaf()
