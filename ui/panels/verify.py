"""Verifying on the page: the pictures that lie in the tabs go with what is asked."""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from ui.forms.workspace import Workspace
from ui.gradio_compat.carrying import gathered
from ui.gradio_compat.untyped import event


def connect_verify(panel: gr.HTML, spaces: list[Workspace]) -> None:
    """Hands the script of `panel` the pictures of all tabs when it asks for "verify".

    A recipe may begin with pictures; those of its tab are the ones at hand.
    """
    pictures: dict[str, Component] = {
        f"{space.tab.mode}/{name}": part
        for space in spaces
        for name, part in space.pictures.items()
    }
    gathered(event(panel, "verify"), ".verify", pictures)
