"""A page whose server is put together once, when it is launched.

Gradio (6.31) makes the server's application with all its routes, and the config of every component,
each time a `Blocks` is left and whenever its queue is set; `launch` makes them again and uses those
alone. With a page beside the page that was four of five times, a third of what building took.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.routes import App


def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


def _no_config(blocks: gr.Blocks) -> dict[str, Any]:
    return {}


@contextmanager
def made_at_launch() -> Iterator[None]:
    """What is built inside has no application and an empty config until it is launched."""
    made, told = vars(App)["create_app"], vars(gr.Blocks)["get_config_file"]
    _put(staticmethod(_nothing), _no_config)
    try:
        yield
    finally:
        _put(made, told)


def _put(made: Any, told: Any) -> None:
    for kind, name, method in ((App, "create_app", made), (gr.Blocks, "get_config_file", told)):
        setattr(kind, name, method)
