"""The header: name, model, presets, queue, memory, history; and the notices of the page."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.contracts.settings import LoraMixSettings, Txt2ImgSettings
from ui.forms.choices import model_choice
from ui.forms.stage import mount_call
from ui.panels.dropped import look
from ui.panels.spread import spread
from ui.server.foreign import as_dict
from ui.server.studio import Studio

_TABS = {LoraMixSettings.mode: "LoRA mix", "ddim_table": "DDIM table", "codes": "Codes"}
_STATUS = """
<div class="loom-status">
  <div class="queue-box">
    <button type="button" class="queue quiet" aria-expanded="false" aria-controls="loom-queue"
      title="Your jobs that run or wait"><span role="status">queue is free</span></button>
    <div class="queue-list" id="loom-queue" role="region" aria-label="Your jobs" hidden>
      <p class="none">Nothing runs or waits. Generate while a picture is being made adds to the
        queue.</p>
      <ol></ol>
      <label class="tell"><input type="checkbox"> Notify me when a run ends while I look
        elsewhere</label>
      <p class="held" hidden>The queue is paused: what runs goes on, and nothing new begins.</p>
      <button type="button" class="quiet hold">Pause the queue</button>
      <button type="button" class="quiet stop-all">Stop everybody's jobs</button>
    </div>
  </div>
  <button type="button" class="quiet models" data-act="models"
    title="Models by their pictures">Models</button>
  <button type="button" class="quiet memory" aria-expanded="false" aria-controls="loom-memory"
    hidden></button>
  <button type="button" class="quiet" data-act="history">History</button>
  <button type="button" class="quiet keys" data-act="keys" aria-label="Keys"
    title="Keys (?)">?</button>
  <button type="button" class="quiet account" aria-expanded="false" aria-controls="loom-account"
    hidden></button>
  <section id="loom-account" aria-label="Your account" hidden>
    <h2>Your account</h2>
    <ul class="limits"></ul>
    <div class="own-keys">
      <h3>Keys for scripts</h3>
      <ul></ul>
      <input class="purpose" aria-label="What the key is for" placeholder="what it is for"
        maxlength="80">
      <button type="button" class="quiet make">Make a key</button>
      <p class="made" role="status"></p>
    </div>
    <div class="inviting" hidden>
      <h3>Invite somebody</h3>
      <select class="as" aria-label="Role of who is invited"><option value="guest">as guest</option>
        <option value="member" selected>as member</option><option value="owner">as owner</option>
      </select>
      <button type="button" class="quiet invite">Make a link</button>
      <p class="link" role="status"></p>
    </div>
    <button type="button" class="quiet sign-out">Sign out</button>
    <button type="button" class="quiet forget">Delete my data</button>
  </section>
  <section id="loom-memory" aria-label="Models in memory" hidden>
    <h2>Models in memory</h2>
    <p class="sums"></p>
    <table><thead><tr><th>Part</th><th>Size</th><th>Where</th><th>Idle</th></tr></thead>
      <tbody></tbody></table>
    <div class="devices" hidden></div>
    <p class="none">None is loaded; the first picture loads its model.</p>
    <button type="button" class="free">Free memory</button>
  </section>
  <div class="veil" hidden><p>Drop the picture to use it, or its settings</p></div>
</div>
"""
_BRAND = '<h1 class="loom-brand"><i aria-hidden="true"></i>latent loom</h1>'
MAX_KEPT_CHARS = 4000
EVENTS = ("record", "send", "open_link", "lists", "model")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Header:
    """Components of the header that others connect to.

    Attributes:
        model: The model dropdown, shared by every tab.
        preset: The preset dropdown.
        save: Opens the preset panel.
        notices: Takes `notes(...)`; also the source of "record" and
            "send" events (a dropped picture).
    """

    model: gr.Dropdown
    preset: gr.Dropdown
    save: gr.Button
    notices: gr.HTML


def notes(
    *texts: str,
    kind: str = "info",
    verify: dict[str, str] | None = None,
    link: str = "",
    folds: Sequence[str] = (),
    pictures: Mapping[str, bool] | None = None,
    undo: str = "",
    further: Sequence[str] = (),
    kept: Mapping[str, str] | None = None,
    dialect: str = "",
) -> dict[str, Any]:
    """A value for `Header.notices` that shows these sentences once.

    Args:
        texts: To show.
        kind: "info", "warn" or "error".
        verify: A picture that the first sentence offers to verify: path or name.
        link: A recipe to copy as a link.
        folds: Accordions to open, by element id: something was put into them.
        pictures: Places (`Tab.places`) whose picture the same answer sets, and whether one lies
            there now: what the browser has kept for them does not come back.
        undo: Mode of a form that was filled; the first sentence offers to take that back.
        further: Told as one list that stays until it is closed.
        kept: What a record holds that nothing here understands, shown below that list on demand.
        dialect: Whose syntax the prompts that were put in are written in; "" is the studio's.
    """
    return {
        "id": next(_numbers),
        "verify": verify,
        "link": link,
        "folds": list(folds),
        "pictures": dict(pictures or {}),
        "undo": undo,
        "further": list(further),
        "dialect": dialect,
        "kept": [f"{key}: {value}"[:MAX_KEPT_CHARS] for key, value in (kept or {}).items()],
        "notes": [{"text": text, "kind": kind} for text in texts],
    }


def header(studio: Studio) -> Header:
    """Builds the header row.

    Args:
        studio: Its library fills the dropdowns.
    """
    library = studio.engine.library()
    models = [model_choice(card) for card in library.models]
    with gr.Row(elem_classes="loom-header"):
        gr.HTML(_BRAND, apply_default_css=False, elem_classes="loom-brand-box", js_on_load=None)
        model = gr.Dropdown(
            models,
            value=library.default_model or None,
            label="Model",
            elem_id="loom-model",
            elem_classes="loom-pick",
            scale=0,
            filterable=False,
        )
        preset = gr.Dropdown(
            preset_choices(studio),
            value=None,
            label="Preset",
            elem_id="loom-preset",
            elem_classes="loom-pick",
            scale=0,
            filterable=True,
        )
        save = gr.Button(
            "Presets", elem_classes="loom-quiet", scale=0, min_width=0, elem_id="loom-preset-open"
        )
        notices = gr.HTML(
            None,
            html_template=_STATUS,
            js_on_load=mount_call("mountHeader", "", EVENTS),
            server_functions=[look, spread, _models_of(studio)],
            apply_default_css=False,
            elem_classes="loom-status-box",
        )
    return Header(model, preset, save, notices)


def _models_of(studio: Studio) -> Callable[..., Any]:
    def models(asked: Any) -> dict[str, Any]:
        """Every model for the page's picker; {"again"} looks into the folders anew."""
        library = studio.engine.library(refresh=as_dict(asked).get("again") is True)
        return {
            "models": [
                {
                    "name": card.name,
                    "title": card.title or card.name,
                    "family": card.family_title or card.family,
                    "size": list(card.native_size),
                    "bytes": card.bytes,
                    "hash": card.hash,
                    "version": card.version,
                    "picture": card.picture,
                    "about": card.note or "",
                    "problem": card.problem or "",
                }
                for card in library.models
            ]
        }

    return models


def preset_choices(studio: Studio) -> list[tuple[str, str]]:
    """Usable presets, bundled ones first as the store lists them; with the tab that each opens."""
    presets = (info for info in studio.presets.list() if not info.problem)
    return [(_with_tab(info.name, info.mode), info.name) for info in presets]


def _with_tab(name: str, mode: str) -> str:
    """A preset's name, with its tab where that is not the first one."""
    tab = _TABS.get(mode, mode.replace("_", " "))
    return name if mode == Txt2ImgSettings.mode else f"{name} · {tab}"
