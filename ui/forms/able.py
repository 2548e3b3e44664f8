"""Controls that the chosen model has no use for: greyed, with the reason in their hint."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.capabilities import sentence
from backend.contracts.fields import described
from backend.contracts.library import ModelEntry
from backend.contracts.settings import MODES

NEEDS = {
    **{
        field: told.needs
        for mode in MODES.values()
        for field, told in described(mode).items()
        if told.needs
    },
    "guidance_scale": "guidance",
    "guidance_start": "guidance",
    "guidance_end": "guidance",
    "start_noise": "inversion",
}
"""Control -> what a model must be able to do for it to act."""
LIVELESS = ("loras",)  # rows of their own, which Gradio cannot grey; a run refuses them instead


def reason(key: str, card: ModelEntry) -> str | None:
    """Why a control does nothing under a model; None if it acts."""
    return sentence(NEEDS[key], card.can, card.title or card.name) if key in NEEDS else None


def follows(key: str) -> bool:
    """Whether a control is greyed under some models."""
    return key in NEEDS and key not in LIVELESS


def grey(component: Component, key: str, card: ModelEntry) -> None:
    """Marks a component that is being built."""
    said = reason(key, card) if follows(key) else None
    if said is not None:
        component.interactive = False
        component.info = said  # not every component declares it


def update(key: str, hint: str, card: ModelEntry) -> dict[str, Any]:
    """The update of a component that is on the page, its value left as it is.

    Args:
        key: Of the control.
        hint: What it says where it acts.
        card: Of the chosen model.
    """
    said = reason(key, card)
    return gr.update(interactive=said is None, info=said or hint)
