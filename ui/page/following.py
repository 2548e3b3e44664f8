"""What follows the chosen model: its standards in the controls, and what it has no use for."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from ui.forms import able
from ui.forms.choices import card_of
from ui.forms.workspace import Workspace
from ui.gradio_compat.event_data import given
from ui.gradio_compat.untyped import event
from ui.server.schema import field_schema, hint

# Whose values a model recommends.
CONTROLS = ("size", "guidance_scale", "hires_denoise", "hires_steps", "hires_upscaler")
STEPS = "steps"  # whose range is the model's
OWN = ("sampler", "schedule")  # whose values some models recommend
PROMPTS_WITHOUT_HINT = ("prompt", "negative_prompt")


def connect_model(model: gr.Dropdown, spaces: list[Workspace], notices: gr.HTML) -> None:
    """Lets every tab follow the chosen model, in one answer that touches what follows alone.

    Args:
        model: The list.
        spaces: The tabs.
        notices: Says "model" when one was chosen by its picture.
    """
    parts = [part for space in spaces for part in _following(space)]
    quiet: dict[str, Any] = {
        "queue": False,
        "show_progress": "hidden",
        "show_progress_on": model,
        "trigger_mode": "always_last",
        "api_visibility": "private",
        "preprocess": False,
    }

    def follow(name: Any) -> list[Any]:
        return [value for space in spaces for value in _under(space, str(name))]

    def pick(evt: gr.EventData) -> list[Any]:
        name = str(given(evt, "name", ""))
        return [name, *follow(name)]

    model.input(follow, inputs=model, outputs=parts, **quiet)
    event(notices, "model")(pick, outputs=[model, *parts], **quiet)


def _following(space: Workspace) -> list[Component]:
    """The components that follow, first the one that marks what differs from the defaults."""
    parts = space.form.parts
    return [space.actions, *(parts[key] for key in _keys(space))]


def _under(space: Workspace, model: str) -> list[Any]:
    """Their values under a model."""
    form = space.form
    shown = dict(zip(form.parts, form.write({"model": model}), strict=True))
    card = card_of(form.engine.library(), model)

    def under(key: str) -> dict[str, Any]:
        greyed: dict[str, Any] = {}
        if key == STEPS:
            own: dict[str, Any] = {"value": card.can.steps} if card.can.steps else {}
            return gr.update(maximum=card.can.usual_steps, **own)
        if key in OWN:
            return _own(space, key, card.can.sampler)
        if able.follows(key):
            said = "" if key in PROMPTS_WITHOUT_HINT else hint(field_schema(form.settings, key))
            greyed = able.update(key, said, card)
        return {**greyed, **shown[key]} if key in CONTROLS else greyed

    return [form.told(model), *map(under, _keys(space))]


def _own(space: Workspace, key: str, sampler: str) -> dict[str, Any]:
    """The update of sampler or schedule: the model's own, where it recommends a sampler."""
    if not sampler:
        return gr.update()
    if key == "sampler":
        return gr.update(value=sampler)
    return gr.update(value="model", choices=space.form.schedules(sampler))


def _keys(space: Workspace) -> list[str]:
    """The controls that follow."""
    always = (*CONTROLS, STEPS, *OWN)
    return [key for key in space.form.parts if key in always or able.follows(key)]
