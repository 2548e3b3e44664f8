"""Below a morph's canvas: scrubber, meter of smoothness, how the ends came out, and its files."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.contracts.settings import MorphSettings
from ui.forms.stage import mount_call
from ui.jobs.pictures import png_uri
from ui.jobs.sentences import sentence
from ui.panels.film_file import film_file
from ui.server.studio import Studio

_TEMPLATE = """
<section class="morph" data-state="empty" aria-label="The morph">
  <div class="scrub">
    <button type="button" class="play quiet" aria-pressed="false" disabled>Play</button>
    <label><span>frame</span><input type="range" min="1" max="1" step="1" value="1" disabled
      aria-label="Frame of the morph"></label>
    <output></output>
  </div>
  <p class="light" role="status"><i></i><span></span></p>
  <div class="facts">
    <figure class="meter">
      <figcaption>How far each frame is from the next <span></span></figcaption>
      <div class="bars" role="img"></div>
    </figure>
    <div class="ends-shown"></div>
  </div>
  <div class="files" role="group" aria-label="Save the morph">
    <span>Save as</span>
    <button type="button" class="quiet" data-format="mp4" disabled>mp4</button>
    <button type="button" class="quiet" data-format="gif" disabled>GIF</button>
    <button type="button" class="quiet" data-format="webp" disabled>WebP</button>
    <button type="button" class="quiet" data-format="zip" disabled>PNGs (zip)</button>
    <button type="button" class="quiet" data-format="sheet" disabled>Contact sheet</button>
  </div>
  <p class="cost"></p>
</section>
"""


def morph_panel(studio: Studio) -> gr.HTML:
    """Builds the panel; it follows the stage of the tab by itself."""
    engine = studio.engine

    def end_picture(asked: Any) -> dict[str, Any]:
        """What an end should look like: the picture beside which its frame is shown."""
        try:
            outputs = engine.results(str(asked.get("job"))[:200])
            views = [output.views["end"] for output in outputs if "end" in output.views]
            view = views[int(asked.get("end", 0))]
        except IndexError:
            return {}
        except Exception as error:
            return {"error": sentence(error)}
        return {"src": png_uri(view)}

    return gr.HTML(
        None,
        html_template=_TEMPLATE,
        js_on_load=mount_call("mountMorph", "morph", ()),
        server_functions=[film_file(engine, MorphSettings.mode), end_picture],
        apply_default_css=False,
        elem_id="morph-panel",
        elem_classes="loom-morph",
    )
