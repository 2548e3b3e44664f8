"""Two folds of the LoRA tab: the pad between LoRAs, and the footprint of each.

Their scripts ask `ui.jobs.lora_tools`, and follow the jobs that it begins.
"""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from ui.forms.stage import mount_call
from ui.forms.workspace import Workspace
from ui.gradio_compat.carrying import gathered
from ui.gradio_compat.untyped import event

_PAD = """
<section class="pad" data-state="empty" aria-label="Pad">
  <p class="say">The LoRAs that are on stand at the corners, two to four of them. A coarse grid is
    drawn between them in the background; drag the point, and let go for the exact picture.</p>
  <p class="do">
    <button type="button" class="build quiet">Draw the pad</button>
    <button type="button" class="halt quiet" hidden>Stop</button>
    <span class="line" role="status"></span>
  </p>
  <div class="board" hidden>
    <div class="corners top"><b></b><b></b></div>
    <div class="field" role="slider" tabindex="0" aria-label="Point between the LoRAs"
      aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"><img alt=""><i></i></div>
    <div class="corners bottom"><b></b><b></b></div>
    <p class="mix"></p>
    <p class="do"><button type="button" class="take quiet">Put these weights into the rows</button>
    </p>
  </div>
</section>
"""
_FOOTPRINT = """
<section class="footprint" data-state="empty" aria-label="Footprint">
  <p class="say">Where, when and how much each LoRA and each region of the last picture changed what
    the model predicted. It runs that seed again, once more for each, in the background.</p>
  <p class="do">
    <button type="button" class="measure quiet">Measure the last picture</button>
    <button type="button" class="halt quiet" hidden>Stop</button>
    <span class="line" role="status"></span>
  </p>
  <div class="maps"></div>
  <figure class="over" hidden><figcaption>Share of the change over the steps</figcaption>
    <svg viewBox="0 0 320 100" preserveAspectRatio="none" role="img"></svg>
    <p class="axis"><span>first step</span><span>last step</span></p></figure>
</section>
"""


def lora_tools() -> dict[str, Component]:
    """Builds both folds."""
    parts: dict[str, Component] = {}
    with gr.Accordion("Pad", open=False, elem_id="lora_mix-pad", elem_classes="loom-fold"):
        parts["pad"] = gr.HTML(
            None,
            html_template=_PAD,
            js_on_load=mount_call("mountPad", "lora_mix", ("build",)),
            apply_default_css=False,
            elem_classes="loom-tool",
        )
    with gr.Accordion(
        "Footprint", open=False, elem_id="lora_mix-footprint", elem_classes="loom-fold"
    ):
        parts["footprint"] = gr.HTML(
            None,
            html_template=_FOOTPRINT,
            js_on_load=mount_call("mountFootprint", "lora_mix", ()),
            apply_default_css=False,
            elem_classes="loom-tool",
        )
    return parts


def connect_pad(space: Workspace) -> None:
    """Hands the pad's script the form's values when it asks for "build"."""
    gathered(event(space.results["pad"], "build"), f"{space.tab.mode}.build", space.form.parts)
