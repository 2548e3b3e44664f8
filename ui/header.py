"""The header: name, model, presets, queue, memory, history; and the notices of the page."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.settings import Settings
from ui.stage import mount_call, script
from ui.studio import Studio

_STATUS = """
<div class="loom-status">
  <span class="queue" role="status">queue is free</span>
  <span class="memory"></span>
  <button type="button" class="quiet" onclick="loom.openHistory()">History</button>
  <div class="veil" hidden><p>Drop the picture to load its settings</p></div>
</div>
"""
_BRAND = '<h1 class="loom-brand"><i aria-hidden="true"></i>latent loom</h1>'
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Header:
    """Components of the header that others connect to.

    Attributes:
        model: The model dropdown, shared by every tab.
        preset: The preset dropdown.
        save: Opens the preset panel.
        notices: Takes `notes(...)`; also the source of "record" events (a dropped picture).
    """

    model: gr.Dropdown
    preset: gr.Dropdown
    save: gr.Button
    notices: gr.HTML


def notes(*texts: str, kind: str = "info") -> dict[str, Any]:
    """A value for `Header.notices` that shows these sentences once."""
    return {"id": next(_numbers), "notes": [{"text": text, "kind": kind} for text in texts]}


def header(studio: Studio) -> Header:
    """Builds the header row.

    Args:
        studio: Its library fills the dropdowns.
    """
    engine = studio.engine

    async def system(asked: Any) -> dict[str, Any]:
        """Memory and device, for the header."""
        memory, library = engine.memory(), engine.library()
        return {"used": memory.used_bytes, "budget": memory.budget_bytes,
                "device": library.device, "dtype": library.dtype}

    models = [(card.get("title") or card["name"], card["name"])
              for card in engine.library().models]
    with gr.Row(elem_classes="loom-header"):
        gr.HTML(_BRAND, apply_default_css=False, elem_classes="loom-brand-box", js_on_load=None)
        model = gr.Dropdown(models, value=first_model(models), label="Model",
                            elem_id="loom-model", elem_classes="loom-pick", scale=0,
                            filterable=False)
        preset = gr.Dropdown(preset_choices(studio), value=None, label="Preset",
                             elem_id="loom-preset", elem_classes="loom-pick", scale=0,
                             filterable=True)
        save = gr.Button("Presets", elem_classes="loom-quiet", scale=0, min_width=0,
                         elem_id="loom-preset-open")
        notices = gr.HTML(
            None, html_template=_STATUS,
            js_on_load=mount_call("mountHeader", "", ("record",)),
            head=script("loom.js", "stage.js"), server_functions=[system],
            apply_default_css=False, elem_classes="loom-status-box",
        )
    return Header(model, preset, save, notices)


def first_model(models: list[tuple[str, str]]) -> str | None:
    """The settings' default model where it is there, else the first one."""
    names = [name for _, name in models]
    standard = Settings.model_fields["model"].get_default()
    return standard if standard in names else next(iter(names), None)


def preset_choices(studio: Studio) -> list[tuple[str, str]]:
    """Usable presets, bundled ones first as the store lists them."""
    return [(info.name, info.name) for info in studio.presets.list() if not info.problem]
