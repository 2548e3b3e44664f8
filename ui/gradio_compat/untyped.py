"""What Gradio's types leave open (6.31), under names that are typed here.

`gr.skip`, `gr.on` and `gr.api` are annotated in part only, and the events of a `gr.HTML` are found
in its script, so that no type names them. No issue upstream was found for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import gradio as gr
from gradio.components import Component

_gradio = cast(Any, gr)


def skip() -> Any:
    """An update that leaves an output as it is."""
    return _gradio.skip()


def on(triggers: list[Any], *args: Any, **options: Any) -> Any:
    """One event for several triggers, as `gr.on`."""
    return _gradio.on(triggers, *args, **options)


def add_endpoint(function: Callable[..., Any], **options: Any) -> None:
    """An endpoint for scripts, as `gr.api`."""
    _gradio.api(function, **options)


def event(part: Component, name: str) -> Callable[..., Any]:
    """An event that the script of a component of ours triggers."""
    return getattr(part, name)
