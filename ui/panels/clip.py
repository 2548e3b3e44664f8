"""Below a clip's canvas: scrubber, its source beside it, meter of flicker, and its files."""

from __future__ import annotations

import gradio as gr

from backend.contracts.settings import ClipSettings
from ui.forms.stage import mount_call
from ui.panels.film_file import film_file
from ui.server.studio import Studio

_TEMPLATE = """
<section class="morph clip" data-state="empty" aria-label="The clip">
  <div class="scrub">
    <button type="button" class="play quiet" aria-pressed="false" disabled>Play</button>
    <button type="button" class="loop quiet" aria-pressed="true">Loop</button>
    <label><span>frame</span><input type="range" min="1" max="1" step="1" value="1" disabled
      aria-label="Frame of the clip"></label>
    <output></output>
  </div>
  <p class="light" role="status"><span></span></p>
  <div class="facts">
    <figure class="meter">
      <figcaption>What flickers from each frame to the next <span></span></figcaption>
      <div class="bars" role="img"></div>
      <p class="alone"></p>
    </figure>
    <figure class="source" hidden>
      <div class="wipe"><img class="before" alt="The same frame of the clip as it was">
        <img class="after" alt="The frame as it was drawn"></div>
      <figcaption><label><span>before</span><input type="range" min="0" max="100" step="1"
        value="50" aria-label="Wipe from before to after"><span>after</span></label></figcaption>
    </figure>
  </div>
  <div class="files" role="group" aria-label="Save the clip">
    <span>Save as</span>
    <button type="button" class="quiet" data-format="mp4" disabled>mp4</button>
    <button type="button" class="quiet" data-format="gif" disabled>GIF</button>
    <button type="button" class="quiet" data-format="webp" disabled>WebP</button>
    <button type="button" class="quiet" data-format="zip" disabled>PNGs (zip)</button>
    <button type="button" class="quiet" data-format="sheet" disabled>Contact sheet</button>
  </div>
</section>
"""


def clip_panel(studio: Studio) -> gr.HTML:
    """Builds the panel; it follows the stage of the tab by itself."""
    return gr.HTML(
        None,
        html_template=_TEMPLATE,
        js_on_load=mount_call("mountClip", ClipSettings.mode, ()),
        server_functions=[film_file(studio.engine, ClipSettings.mode)],
        apply_default_css=False,
        elem_id="clip-panel",
        elem_classes="loom-morph",
    )
