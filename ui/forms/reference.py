"""A reference on the page: one fold with a picture, wherever a tab's pictures can follow one."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.events import Pixels
from backend.contracts.settings.reference import REFERENCE, SWITCHED_ON, ReferenceFields
from ui.forms.tab import Fold
from ui.forms.workspace import Workspace
from ui.server.uploads import read_pictures


def _picture() -> dict[str, Component]:
    return {
        REFERENCE: gr.Image(
            label="Make it look like this",
            type="filepath",
            sources=["upload", "clipboard"],
            height=200,
            elem_classes="loom-picture loom-reference",
            buttons=[],
        )
    }


FOLD = Fold("reference", "Reference", tuple(ReferenceFields.model_fields), _picture)


def pixels(raw: dict[str, Any]) -> dict[str, Pixels]:
    """The reference alone, for a tab without other pictures.

    Raises:
        BadInput: It cannot be read.
    """
    return read_pictures({REFERENCE: raw.get(REFERENCE)})


def connect(space: Workspace) -> None:
    """A picture that is added acts, and one that is taken away leaves nothing that asks for it."""
    picture, weight = space.pictures[REFERENCE], space.form.parts["reference_weight"]
    assert isinstance(picture, gr.Image)
    picture.change(
        fn=None,
        js=f"(picture, weight) => picture ? weight || {SWITCHED_ON} : 0",
        inputs=[picture, weight],
        outputs=weight,
        show_progress="hidden",
        api_visibility="private",
        queue=False,
    )
