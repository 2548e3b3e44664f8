"""Which tab is open, and opening another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.gradio_compat.untyped import skip


@dataclass(frozen=True)
class TabBar:
    """The row of tabs.

    Attributes:
        tabs: Gradio's component.
        shown: Mode of the open tab; each visitor has their own.
    """

    tabs: gr.Tabs
    shown: gr.State

    @property
    def outputs(self) -> list[Any]:
        """What `open` and `stay` give values for."""
        return [self.tabs, self.shown]

    def open(self, mode: str) -> list[Any]:
        """Updates that open a mode's tab."""
        return [gr.Tabs(selected=mode), mode]

    def stay(self) -> list[Any]:
        """Updates that leave the open tab."""
        return [skip(), skip()]

    def follow(self, tab: gr.Tab, mode: str) -> None:
        """Notes the mode when its tab is opened by hand."""
        tab.select(
            lambda: mode,
            outputs=self.shown,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
