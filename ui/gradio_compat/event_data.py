"""What the page's script said with an event.

`gr.EventData` (6.31) gives single attributes, and raises where one is missing or what was said is
no dict; the whole of it is private. Whatever a browser sends arrives here, so both happen.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.server.foreign import as_dict


def told(evt: gr.EventData) -> dict[str, Any]:
    """All of it; empty where it is no dict."""
    return as_dict(evt._data)


def given(evt: gr.EventData, key: str, otherwise: Any) -> Any:
    """What stands under a key."""
    return told(evt).get(key, otherwise)
