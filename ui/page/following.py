"""What follows the chosen model: the controls that a model has its own standard for."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from ui.page.workspace import Workspace

CONTROLS = ("size", "guidance_scale")


def connect_model(model: gr.Dropdown, spaces: list[Workspace]) -> None:
    """Lets every tab follow the chosen model, in one answer that touches what follows alone."""

    def follow(name: Any) -> list[Any]:
        return [value for space in spaces for value in _under(space, str(name))]

    model.input(
        follow,
        inputs=model,
        preprocess=False,
        queue=False,
        show_progress="hidden",
        show_progress_on=model,
        outputs=[part for space in spaces for part in _following(space)],
        trigger_mode="always_last",
        api_visibility="private",
    )


def _following(space: Workspace) -> list[Component]:
    """The components that follow, first the one that marks what differs from the defaults."""
    parts = space.form.parts
    return [space.actions, *(parts[key] for key in CONTROLS if key in parts)]


def _under(space: Workspace, model: str) -> list[Any]:
    """Their values under a model."""
    form = space.form
    shown = dict(zip(form.parts, form.write({"model": model}), strict=True))
    return [{"defaults": form.defaults(model)}, *(shown[key] for key in CONTROLS if key in shown)]
