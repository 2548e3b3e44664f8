"""The Lab's tab: an empty place. Its script, looks and panels come when it is first shown."""

from __future__ import annotations

import gradio as gr

from ui.forms.stage import mount_call
from ui.gradio_compat.carrying import gathered
from ui.gradio_compat.untyped import event

KEY, TITLE = "lab", "Lab"
_PLACE = """
<section class="lab" aria-label="Lab" data-state="empty">
  <p class="wait" role="status"></p>
</section>
"""


def lab_tab(model: gr.Dropdown) -> gr.HTML:
    """Builds the tab, within the row of tabs.

    Args:
        model: The list; the Lab's script is told what is chosen, at first and when it changes.
    """
    with gr.Tab(TITLE, id=KEY):
        place = gr.HTML(
            None,
            html_template=_PLACE,
            js_on_load=mount_call("mountLab", KEY, ("model",)),
            apply_default_css=False,
            elem_id="lab-place",
            elem_classes="loom-lab",
        )
    gathered(event(place, "model"), f"{KEY}.model", {"model": model})
    gathered(model.change, f"{KEY}.model", {"model": model})
    return place
