"""Two folds of the LoRA tab: the pad between LoRAs, and the footprint of each."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus
from backend.contracts.requests import Request
from backend.contracts.settings import LoraMixSettings, parse
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.engine.jobs.asking import ask
from backend.resolve.prompt_loras import take_loras
from ui.forms.stage import mount_call
from ui.forms.workspace import Workspace
from ui.gradio_compat.carrying import carried, unpacked
from ui.gradio_compat.login import owner_of
from ui.gradio_compat.untyped import event
from ui.jobs.pictures import data_uri, encode_jpeg
from ui.jobs.sentences import sentence
from ui.jobs.state import result_of
from ui.server.foreign import as_dict
from ui.server.roles import needs
from ui.server.studio import Studio

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
  <p class="say">Where, when and how much each LoRA of the last picture changed what the model
    predicted. It runs that seed again, once more for each LoRA, in the background.</p>
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


def lora_tools(studio: Studio) -> dict[str, Component]:
    """Builds both folds."""
    parts: dict[str, Component] = {}
    with gr.Accordion("Pad", open=False, elem_id="lora_mix-pad", elem_classes="loom-fold"):
        parts["pad"] = gr.HTML(
            None,
            html_template=_PAD,
            js_on_load=mount_call("mountPad", "lora_mix", ("build",)),
            server_functions=_pad_functions(studio),
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
            server_functions=_footprint_functions(studio),
            apply_default_css=False,
            elem_classes="loom-tool",
        )
    return parts


def connect_pad(space: Workspace) -> None:
    """Wires the pad to the form of its tab."""
    pad, form, engine = space.results["pad"], space.form, space.studio.engine
    assert isinstance(pad, gr.HTML)

    def submitted(raw: dict[str, Any], owner: str) -> tuple[str, LoraPadSettings]:
        settings = LoraPadSettings.of(take_loras(form.parse(raw)))
        return ask(engine, Request(settings, save=False), owner, background=True), settings

    @needs("owner")
    async def build(sent: Any, request: gr.Request) -> dict[str, Any]:
        raw, event = unpacked(sent)
        asked = event.get("asked")
        try:
            token, settings = await asyncio.to_thread(submitted, raw, owner_of(request))
        except Exception as error:
            return {"asked": asked, "error": sentence(error)}
        return {
            "asked": asked,
            "job": token,
            "loras": [{"name": use.name, "weight": use.weight} for use in settings.loras],
        }

    carried(
        event(pad, "build"), build, form.parts, pad, told="lora_mix.build", concurrency_limit=None
    )


def _pad_functions(studio: Studio) -> list[Any]:
    engine = studio.engine

    def pad_state(asked: Any) -> dict[str, Any]:
        """How far the grid is, and its pictures from `known` on."""
        try:
            status = engine.status(_job(asked))
            known = asked.get("known")
            known = known if isinstance(known, int) and known >= 0 else 0
            new = [
                {
                    "point": output.record.extra["point"],
                    "src": data_uri(encode_jpeg(output.image, 85), "image/jpeg"),
                }
                for output in status.outputs[known:]
            ]
        except Exception as error:
            return {"error": sentence(error)}
        return _state(status) | {"pictures": new}

    def pad_exact(asked: Any) -> dict[str, Any]:
        """Draws the picture at a point of a pad: {"job", "x", "y"}."""
        try:
            x, y = asked.get("x"), asked.get("y")
            if not all(
                isinstance(v, (int, float)) and math.isfinite(v) and 0 <= v <= 1 for v in (x, y)
            ):
                raise BadInput("A point of the pad lies between 0 and 1.")
            recipe = engine.status(_job(asked)).info.get("settings")
            if recipe is None:
                raise BadInput("The pad has only just begun; try again in a moment.")
            settings = LoraPadSettings.model_validate(recipe)
            token = ask(engine, Request(settings.exact(x, y), save=False))
        except Exception as error:
            return {"error": sentence(error)}
        return {"job": token}

    def exact_state(asked: Any) -> dict[str, Any]:
        """How far that picture is."""
        try:
            status = engine.status(_job(asked))
            done = [result_of(status.token, output) for output in status.outputs]
        except Exception as error:
            return {"error": sentence(error)}
        return _state(status) | {"url": done[0]["url"] if done else ""}

    return [pad_state, pad_exact, exact_state, _halt(studio)]


def _footprint_functions(studio: Studio) -> list[Any]:
    engine = studio.engine

    def measure(asked: Any) -> dict[str, Any]:
        """Starts the footprint of a picture: {"job", "image"}."""
        try:
            outputs, index = engine.results(_job(asked)), asked.get("image")
            if not isinstance(index, int) or not 0 <= index < len(outputs):
                raise BadInput("There is no picture yet; generate one with LoRAs first.")
            settings = FootprintSettings.of(_mix(outputs[index].record.settings))
            token = ask(engine, Request(settings, save=False), background=True)
        except Exception as error:
            return {"error": sentence(error)}
        return {"job": token}

    def footprint_state(asked: Any) -> dict[str, Any]:
        """How far it is; at the end the maps and the shares."""
        try:
            status = engine.status(_job(asked))
        except Exception as error:
            return {"error": sentence(error)}
        if status.state != "done":
            return _state(status)
        maps = [data_uri(encode_jpeg(output.image), "image/jpeg") for output in status.outputs]
        return _state(status) | {"maps": maps, "loras": status.info.get("footprint", [])}

    return [measure, footprint_state, _halt(studio)]


def _halt(studio: Studio) -> Any:
    def halt(asked: Any) -> dict[str, Any]:
        """Stops a job."""
        studio.engine.cancel(_job(asked))
        return {}

    return halt


def _state(status: JobStatus) -> dict[str, Any]:
    progress = status.progress
    return {
        "state": status.state,
        "position": status.position,
        "step": progress.step,
        "total": progress.total,
        "note": progress.note,
        "message": status.error or "",
    }


def _mix(recipe: dict[str, Any]) -> LoraMixSettings:
    settings = parse(LoraMixSettings.mode, recipe)
    assert isinstance(settings, LoraMixSettings)
    return settings


def _job(asked: Any) -> str:
    job = as_dict(asked).get("job")
    return job[:200] if isinstance(job, str) else ""
