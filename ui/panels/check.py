"""The dialog that shows two pictures against each other: a verified one, or two that are compared.

Its script opens it and asks `ui.jobs.verify`; every text enters the document by `textContent`.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.contracts.errors import BadInput
from backend.recipes.metadata import ReadRecord, read
from backend.storage.makers import Viewer
from ui.forms.settings_words import differences
from ui.forms.stage import mount_call
from ui.jobs.pictures import chosen, file_url
from ui.jobs.sentences import sentence
from ui.jobs.state import result_of
from ui.server.foreign import as_dict
from ui.server.studio import Studio
from ui.server.viewers import viewer_of

MAX_DIFFERENCES = 40

_TEMPLATE = """
<dialog class="check" aria-labelledby="loom-check-title">
  <header><h2 id="loom-check-title"></h2>
    <button type="button" class="close quiet" aria-label="Close">×</button></header>
  <p class="say" role="status"></p>
  <div class="bar" hidden><i></i></div>
  <ul class="found"></ul>
  <div class="pictures" hidden>
    <div class="view">
      <figure><img class="one" alt=""><figcaption></figcaption></figure>
      <figure><img class="other" alt=""><figcaption></figcaption></figure>
    </div>
    <div class="tools">
      <label class="wipe"><span></span><input type="range" min="0" max="100" step="1" value="50"
        aria-label="How much of the first picture is shown"><span></span></label>
      <button type="button" class="side quiet" aria-pressed="false">Side by side</button>
    </div>
  </div>
</dialog>
"""


def check_panel(studio: Studio) -> gr.HTML:
    """Builds the dialog; "verify" is triggered with the picture, to be run again by its recipe."""

    def compare(asked: Any, request: gr.Request) -> dict[str, Any]:
        """Two pictures and what sets their recipes apart: {"one", "other"}."""
        try:
            if not isinstance(asked, dict):
                raise BadInput("Choose two pictures to compare.")
            pair, viewer = as_dict(asked), viewer_of(request, studio.private)
            one, other = (_shown(studio, pair.get(key), viewer) for key in ("one", "other"))
        except Exception as error:
            return {"error": sentence(error)}
        words = differences(one[1].mode, one[1].settings, other[1].mode, other[1].settings)
        return {"one": one[0], "other": other[0], "words": words[:MAX_DIFFERENCES]}

    return gr.HTML(
        None,
        html_template=_TEMPLATE,
        js_on_load=mount_call("mountCheck", "", ("verify",)),
        server_functions=[compare],
        apply_default_css=False,
        elem_classes="loom-check",
    )


def _shown(studio: Studio, asked: Any, viewer: Viewer) -> tuple[dict[str, Any], ReadRecord]:
    """A picture for the page, and its recipe.

    Raises:
        LoomError: It is not there.
    """
    asked = as_dict(asked)
    if isinstance(asked.get("name"), str):
        path = studio.history.seen(asked["name"], viewer)
        record = read(path.read_bytes())
        return {"src": file_url(path), "label": _label(record.settings)}, record
    output = chosen(studio.engine, asked.get("job"), asked.get("image"))
    if output is None:
        raise BadInput("One of the pictures is no longer kept; choose it from the history.")
    made = output.record
    record = ReadRecord(made.mode, made.settings, (), "latent-loom", made.model, made.extra)
    return {
        "src": result_of(str(asked["job"]), output)["url"],
        "label": _label(made.settings),
    }, record


def _label(settings: dict[str, Any]) -> str:
    words = " ".join(str(settings.get("prompt", "")).split())
    short = words if len(words) <= 60 else words[:59] + "…"
    return " · ".join(filter(None, [f"seed {settings.get('seed', '–')}", short]))
