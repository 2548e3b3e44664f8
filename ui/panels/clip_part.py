"""Below a clip's file: its frames at a glance, and two handles that choose a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from backend.contracts.clip import MOST_FRAMES
from backend.contracts.settings import ClipSettings
from backend.pictures.clips.overview import overview
from ui.forms.stage import mount_call
from ui.jobs.pictures import data_uri, encode_jpeg
from ui.jobs.sentences import sentence
from ui.server.uploads import MAX_PICTURE_BYTES, read_upload

LAST = 10_000_000  # as in the settings
_TEMPLATE = """
<div class="clip-part" role="group" aria-label="The part of the clip that is taken" hidden>
  <div class="strip" aria-hidden="true"></div>
  <label><span>from</span><input type="range" min="0" max="0" step="1" value="0"
    aria-label="First frame of the clip"><output></output></label>
  <label><span>to</span><input type="range" min="0" max="0" step="1" value="0"
    aria-label="Last frame of the clip"><output></output></label>
  <p role="status"></p>
</div>
"""


def clip_part() -> gr.HTML:
    """Builds it; `glance` gives it the clip."""
    return gr.HTML(
        {},
        html_template=_TEMPLATE,
        js_on_load=mount_call("mountClipPart", ClipSettings.mode, ("part",)),
        apply_default_css=False,
        elem_id="clip-part",
        elem_classes="loom-clip-part",
    )


def glance(sent: Any) -> dict[str, Any]:
    """What is shown of an uploaded clip; a sentence where it cannot be read."""
    if not sent:
        return {}
    try:
        found = overview(read_upload(sent, MAX_PICTURE_BYTES))
    except Exception as error:
        return {"text": sentence(error)}
    frames = [data_uri(encode_jpeg(frame, 70), "image/jpeg") for frame in found.frames]
    return {"frames": frames, "every": found.every, "count": found.count, "most": MOST_FRAMES}


def chosen_part(said: Mapping[str, Any]) -> list[int]:
    """First and last frame as the handles say; -1 goes on to the end."""
    first, last = said.get("first"), said.get("last")
    whole = [isinstance(one, int) and not isinstance(one, bool) for one in (first, last)]
    if not all(whole):
        return [0, -1]
    return [max(0, min(LAST, int(first or 0))), max(-1, min(LAST, int(last or 0)))]
