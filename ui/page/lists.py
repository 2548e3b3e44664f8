"""Lists of the page that follow the models folders while the studio runs.

The browser asks when the page opens and when its window is looked at again: whoever has put a file
into a folder comes back from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend.contracts.library import Library
from backend.engine.jobs.protocol import Engine
from ui.forms.choices import model_choice
from ui.forms.form import Form
from ui.forms.workspace import Workspace
from ui.gradio_compat.untyped import event, skip
from ui.panels.header import Header


class Lists:
    """The dropdowns that offer what lies in the folders.

    Args:
        engine: Looks into the folders.
        forms: Of the tabs.
    """

    def __init__(self, engine: Engine, forms: Sequence[Form]) -> None:
        self._engine = engine
        self._forms = forms
        built = engine.library()
        self._without_model = not built.default_model
        self.stamp = _stamp(choices(built, forms))
        self.parts = [form.parts[key] for form in forms for key in form.lists(built)]

    def look(self, before: Any) -> list[Any]:
        """A stamp and updates for the list of models and for `parts`; none where nothing is new.

        Args:
            before: The stamp that the last look gave.
        """
        library = self._engine.library(refresh=True)
        lists = choices(library, self._forms)
        stamp = _stamp(lists)
        if stamp == before:
            return [skip()] * (2 + len(self.parts))
        models, *others = lists
        shown = gr.update(choices=models)
        if self._without_model and library.default_model:  # the page opened on none
            shown = gr.update(choices=models, value=library.default_model)
        return [stamp, shown, *(gr.update(choices=found) for found in others)]


def connect_lists(page: gr.Blocks, header: Header, spaces: list[Workspace]) -> None:
    """Wires the lists to the folders.

    Args:
        page: Asks when it loads.
        header: Has the list of models; its script asks when the window is looked at again.
        spaces: The tabs.
    """
    lists = Lists(spaces[0].form.engine, [space.form for space in spaces])
    seen = gr.State(lists.stamp)
    options: dict[str, Any] = {
        "inputs": seen,
        "outputs": [seen, header.model, *lists.parts],
        "show_progress": "hidden",
        "show_progress_on": header.notices,
        "api_visibility": "private",
        "queue": False,
    }
    page.load(lists.look, **options)
    event(header.notices, "lists")(lists.look, trigger_mode="always_last", **options)


def choices(library: Library, forms: Sequence[Form]) -> list[list[tuple[str, str]]]:
    """The choices of the models, and of every list of the tabs."""
    models = [model_choice(card) for card in library.models]
    return [models, *(found for form in forms for found in form.lists(library).values())]


def _stamp(lists: list[list[tuple[str, str]]]) -> str:
    return hashlib.sha256(json.dumps(lists).encode()).hexdigest()
