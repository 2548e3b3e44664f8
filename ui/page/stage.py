"""The stage: canvas, progress, timeline and results of a tab, as one component of our own.

Its state is one JSON value that no template reads: the page's script puts every text into the
document by `textContent`. Preview frames are pulled through server functions.
"""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from backend.contracts.errors import LoomError
from backend.contracts.events import Pixels
from backend.contracts.requests import VideoRequest
from ui.page.stream import data_uri
from ui.page.studio import Studio

STATIC = Path(__file__).parents[1] / "static"
POLL_S = 5.0
EVENTS = ("branch", "reuse", "send", "example", "pick", "advise", "verify", "link")

_TEMPLATE = """
<section class="stage" data-state="empty" data-starts="STARTS" aria-label="Canvas and results">
  <div class="canvas">
    <img class="frame" alt="" hidden>
    <img class="second" alt="The noisy x_t at the same step" hidden>
    <div class="welcome">
      <h2>WELCOME_TITLE</h2>
      <p>WELCOME_TEXT</p>
      <div class="chips" role="group" aria-label="Example prompts"></div>
    </div>
    <div class="overlay" hidden><div><h2></h2><p></p></div></div>
    <button class="start quiet" aria-pressed="false" hidden
      title="Show what the model starts from, left of the picture">Start</button>
  </div>
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
      <button class="video quiet" disabled
        title="An mp4 of prediction and noise over the steps">Save as video</button>
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


def encode_jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """(H, W, 3) -> JPEG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def png_uri(pixels: Pixels) -> str:
    """(H, W, 3) -> PNG as a data URI, for thin lines that JPEG would smear."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return data_uri(stream.getvalue(), "image/png")


def stage(
    studio: Studio,
    mode: str,
    heading: str,
    text: str,
    first: dict[str, Any],
    *,
    starts: bool = False,
) -> gr.HTML:
    """Builds the stage of a tab.

    Args:
        studio: Its engine answers for previews and timelines.
        mode: Name of the tab's mode.
        heading: What the empty canvas says first.
        text: What the tab is for.
        first: The state to begin with.
        starts: Offer to show the noised picture that a run starts from.
    """
    engine = studio.engine

    async def next_frame(asked: Any) -> dict[str, Any]:
        """The newest preview above `revision`; waits on the event loop, without a thread."""
        try:
            job, revision = _text(asked, "job"), _number(asked, "revision")
            engine.touch(job)
            preview = await engine.next_preview(job, revision, POLL_S)
        except LoomError as error:
            return {"error": str(error)}
        if preview is None:
            return {"revision": revision}
        return {
            "revision": preview.revision,
            "step": preview.step,
            "total": preview.total,
            "final": preview.final,
            "src": data_uri(preview.jpeg, "image/jpeg"),
        }

    def timeline_frame(asked: Any) -> dict[str, Any]:
        """One stored step as a picture."""
        try:
            pixels = engine.timeline_frame(
                _text(asked, "job"),
                _number(asked, "step"),
                "xt" if _text(asked, "kind") == "xt" else "x0",
                _number(asked, "image"),
            )
        except LoomError as error:
            return {"error": str(error)}
        return {"src": data_uri(encode_jpeg(pixels), "image/jpeg")}

    async def save_video(asked: Any) -> dict[str, Any]:
        """Begins the run's video; `video_state` says how far it is."""
        wanted = VideoRequest(_text(asked, "job"), _number(asked, "image"))
        try:
            return {"job": await asyncio.to_thread(engine.submit, wanted)}
        except LoomError as error:
            return {"error": str(error)}

    def video_state(asked: Any) -> dict[str, Any]:
        """How far a video is, and the video once it is done."""
        try:
            token = _text(asked, "job")
            engine.touch(token)
            status, video = engine.status(token), engine.file(token)
        except LoomError as error:
            return {"error": str(error)}
        if status.state in ("failed", "stopped"):
            return {"error": status.error or "The video was not made; save it again."}
        progress = status.progress
        state = {"position": status.position, "step": progress.step, "total": progress.total}
        if status.state != "done" or video is None:
            return state
        return state | {"src": data_uri(video.content, video.kind)}

    def result_view(asked: Any) -> dict[str, Any]:
        """A picture that explains a result, e.g. which edges it kept."""
        try:
            results = engine.results(_text(asked, "job"))
        except LoomError as error:
            return {"error": str(error)}
        index, name = _number(asked, "image"), _text(asked, "name")
        if not 0 <= index < len(results) or name not in results[index].views:
            return {"error": "That view is no longer kept; generate again."}
        return {"src": png_uri(results[index].views[name])}

    return gr.HTML(
        first,
        html_template=_TEMPLATE.replace("WELCOME_TITLE", heading)
        .replace("WELCOME_TEXT", text)
        .replace("STARTS", str(starts).lower()),
        js_on_load=mount_call("mountStage", mode, EVENTS),
        server_functions=[next_frame, timeline_frame, save_video, video_state, result_view],
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


def _text(asked: Any, key: str) -> str:
    value = asked.get(key) if isinstance(asked, dict) else None
    return value[:200] if isinstance(value, str) else ""


def _number(asked: Any, key: str) -> int:
    value = asked.get(key) if isinstance(asked, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
