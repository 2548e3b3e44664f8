"""The stage: canvas, progress, timeline and results of a tab, as one component of our own.

The page's script fills it: states of jobs and pictures come over the routes of `ui.jobs`, and every
text enters the document by `textContent`.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

EVENTS = ("branch", "reuse", "send", "example", "before", "advise", "link")

_TEMPLATE = """
<section class="stage" data-state="empty" data-starts="STARTS" data-live="LIVE"
  data-before="HASBEFORE" aria-label="Canvas and results">
  <div class="canvas">
    <img class="frame" alt="" hidden>
    <img class="second" alt="The noisy x_t at the same step" hidden>
    <div class="tiles" role="group" aria-label="All pictures of this run" hidden></div>
    <img class="given" alt="The picture that this tab begins with" hidden>
    <div class="welcome">
      <h2>WELCOME_TITLE</h2>
      <p>WELCOME_TEXT</p>
      <div class="chips" role="group" aria-label="Examples"></div>
    </div>
    <div class="overlay" hidden><div><h2></h2><p></p>
      <div class="remedies" role="group" aria-label="What to do"></div></div>
      <button class="dismiss quiet" type="button" aria-label="Dismiss" hidden>×</button></div>
    <button class="larger quiet" type="button" hidden aria-label="Full size"
      title="Full size (click, or Space)">⤢</button>
    <button class="every quiet" type="button" aria-pressed="false" hidden
      title="All pictures of this run, side by side">All</button>
    <div class="corner">
      <button class="wipe-on quiet" type="button" aria-pressed="false" hidden
        title="What it was made from, over the result up to a line that you move">BEFORE</button>
      <button class="start quiet" aria-pressed="false" hidden
        title="Show what the model starts from, left of the picture">Start</button>
    </div>
  </div>
  <div class="film" role="group" aria-label="Runs of this page" hidden></div>
  <div class="tree" role="group" aria-label="Branches of this page's runs" hidden></div>
  <div class="progress" role="progressbar" aria-label="Progress" aria-valuemin="0"
       aria-valuemax="100" aria-valuenow="0"><i></i></div>
  <div class="under">
    <p class="line"></p>
    <div class="timeline off">
      <label><span>timeline</span><input type="range" min="1" max="1" step="1" value="1" disabled
        aria-label="Timeline, step"></label>
      <output></output>
      <button class="both quiet" aria-pressed="false" disabled
        title="Show the noisy picture beside the prediction">x<sub>t</sub></button>
      <button class="branch quiet" disabled
        title="Start a new run from this step with the present settings">Branch from here</button>
      <button class="fan quiet" disabled
        title="Several pictures from this step: one as it was, the others with new noise">Fan
        out</button>
      <button class="video quiet" disabled
        title="An mp4 of prediction and noise over the steps">Save as video</button>
    </div>
    <svg class="pull" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" hidden></svg>
    <div class="pausing" role="group" aria-label="Pause" hidden>
      <button class="pause quiet" type="button"
        title="Stop before the next step; nothing is lost, and the device is free">Pause</button>
      <button class="go-on quiet" type="button" hidden
        title="Go on from the step that is shown, with what you changed under Live">Go on</button>
      <button class="one-step quiet" type="button" hidden
        title="One step, and rest again">One step</button>
      <button class="give-up quiet" type="button" hidden
        title="Stop this run; its steps stay in the timeline">Stop</button>
    </div>
    <div class="results">
      <div class="strip" role="group" aria-label="Pictures of this run"></div>
      <div class="actions off">
        <span class="seed">seed <b>–</b></span>
        <button class="reuse quiet" disabled>Reuse seed</button>
        <button class="edges-shown quiet" aria-pressed="false" hidden
          title="Show which edges were kept, lost or are new">Edges</button>
        <a class="download quiet" aria-disabled="true">Download</a>
        <button class="link quiet" disabled
          title="A link that fills the form with this picture's settings">Copy link</button>
        <button class="verify quiet" disabled
          title="Run the recipe again and compare every pixel">Verify</button>
        <button class="compare quiet" aria-pressed="false" disabled
          title="Choose this picture and another one, and see them side by side">Compare</button>
        <select class="send quiet" aria-label="Send to" disabled hidden></select>
      </div>
    </div>
    <div class="obedience" hidden>
      <p><b class="kept">kept</b> <b class="lost">lost</b> <b class="new">new</b>
        <span></span></p>
      <div class="advice" role="group" aria-label="Suggestions"></div>
    </div>
  </div>
  <p class="live" aria-live="polite"></p>
</section>
"""


def stage(
    mode: str,
    heading: str,
    text: str,
    first: dict[str, Any],
    *,
    starts: bool = False,
    live: bool = False,
    before: str = "",
) -> gr.HTML:
    """Builds the stage of a tab.

    Args:
        mode: Name of the tab's mode.
        heading: What the empty canvas says first.
        text: What the tab is for.
        first: Example prompts, and where results can be sent.
        live: Its runs may be changed and paused.
        before: What a result may be compared with on the canvas is called; "" for nothing.
        starts: Offer to show the noised picture that a run starts from.
    """
    return gr.HTML(
        first,
        html_template=_TEMPLATE.replace("WELCOME_TITLE", heading)
        .replace("WELCOME_TEXT", text)
        .replace("STARTS", str(starts).lower())
        .replace("HASBEFORE", str(bool(before)).lower())
        .replace("BEFORE", before)
        .replace("LIVE", str(live).lower()),
        js_on_load=mount_call("mountStage", mode, EVENTS),
        apply_default_css=False,
        elem_id=f"{mode}-stage",
        elem_classes="loom-stage",
    )


def mount_call(function: str, mode: str, events: tuple[str, ...]) -> str:
    """The line of script that hands a component to `loom`; events are named for Gradio."""
    names = ", ".join(f"'{name}'" for name in events)
    return (
        f"loom.{function}(element, {{mode: '{mode}', trigger: loom.telling('{mode}', trigger), "
        f"props, server, watch, upload, events: [{names}]}});"
    )
