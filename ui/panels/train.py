"""The fold "Train a LoRA": pictures in, a LoRA out, its loss and pictures on the way.

Its script asks `ui.jobs.trainings`, and follows the job that it begins.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from backend.contracts.errors import LoomError
from backend.contracts.fields import title_of
from backend.contracts.settings.train_lora import PRESETS, TrainLoraSettings, parse_training
from ui.forms.stage import mount_call
from ui.forms.workspace import Workspace
from ui.gradio_compat.carrying import gathered
from ui.gradio_compat.untyped import event, skip
from ui.jobs.trainings import training_values
from ui.server.foreign import as_dict
from ui.server.schema import field_schema

FROM_PRESET = ("epochs", "rank", "learning_rate")
OPEN = {"resolution": "the model's own", "min_snr_gamma": "off", "validation_every": "by itself"}
NUMBERS = (
    *FROM_PRESET,
    "resolution",
    "noise_offset",
    "accumulation",
    "min_snr_gamma",
    "seed",
    "checkpoint_every",
    "validation_every",
    "validation_seed",
)

_PICTURES = """
<div class="train-pictures loom-drop" role="group" aria-label="Pictures to learn from">
  <p class="say">Drop 1 to 100 pictures here, or a zip or folder of them. A
    <code>metadata.jsonl</code>, or a <code>.txt</code> beside each picture, brings captions.</p>
  <p class="pick">
    <label class="quiet">Choose pictures<input type="file" multiple
      accept="image/*,.zip,.jsonl,.txt" aria-label="Choose pictures to learn from"></label>
    <label class="quiet">Choose a folder<input type="file" webkitdirectory
      aria-label="Choose a folder to learn from"></label>
    <button type="button" class="clear quiet" hidden>Remove all</button>
    <span role="status"></span>
  </p>
  <div class="cards"></div>
</div>
"""
_RUN = """
<section class="train-run" data-state="empty" aria-label="Training">
  <div class="actions-row">
    <button type="button" class="begin">Start training</button>
    <button type="button" class="resume">Resume</button>
    <button type="button" class="halt" disabled>Stop</button>
  </div>
  <p class="line" role="status"></p>
  <div class="bar" role="progressbar" aria-label="Training progress" aria-valuemin="0"
    aria-valuemax="100" aria-valuenow="0"><i></i></div>
  <div class="shown" hidden>
    <figure class="curve"><figcaption><b>Loss</b> <span></span></figcaption>
      <svg viewBox="0 0 320 120" preserveAspectRatio="none" role="img" aria-label="Loss"></svg>
      <p class="axis"><span></span><span></span></p></figure>
    <figure class="seen" hidden><figcaption></figcaption><img alt="">
      <div class="steps" role="group" aria-label="Pictures on the way"></div></figure>
  </div>
  <p class="made" hidden><button type="button" class="use quiet"></button></p>
</section>
"""


def train_panel() -> dict[str, Component]:
    """Builds the fold; the keys are settings, and `train_pictures` and `train_run`."""
    parts: dict[str, Component] = {}
    with gr.Accordion(
        "Train a LoRA", open=False, elem_id="lora_mix-train", elem_classes="loom-fold loom-train"
    ):
        parts["train_pictures"] = gr.HTML(
            None,
            html_template=_PICTURES,
            js_on_load=mount_call("mountTrainPictures", "train", ()),
            apply_default_css=False,
            elem_classes="loom-train-pictures",
        )
        with gr.Group(elem_classes="loom-controls"):
            parts["name"] = gr.Textbox(
                label="Name",
                info=_hint("name"),
                max_lines=1,
                placeholder="my-style",
                elem_id="train-name",
            )
            parts["preset"] = gr.Dropdown(
                [("a style", "style"), ("one picture", "one_picture")],
                value="style",
                label=_title("preset"),
                info=_hint("preset"),
                filterable=False,
                elem_id="train-preset",
            )
            parts["caption"] = gr.Textbox(
                label=_title("caption"),
                info=_hint("caption"),
                lines=2,
                elem_id="train-caption",
                placeholder="What all of them show, e.g. ink sketch",
            )
        with (
            gr.Accordion(
                "Advanced training", open=False, elem_id="train-advanced", elem_classes="loom-fold"
            ),
            gr.Group(elem_classes="loom-controls"),
        ):
            for name in NUMBERS:
                parts[name] = _number(name)
            parts["lr_schedule"] = gr.Dropdown(
                ["constant", "cosine"],
                value="constant",
                label=_title("lr_schedule"),
                info=_hint("lr_schedule"),
                filterable=False,
                elem_id="train-lr_schedule",
            )
            parts["convolutions"] = gr.Checkbox(
                False,
                label=_title("convolutions"),
                info=_hint("convolutions"),
                elem_id="train-convolutions",
            )
            parts["validation_prompt"] = gr.Textbox(
                label=_title("validation_prompt"),
                info=_hint("validation_prompt"),
                lines=2,
                elem_id="train-validation_prompt",
                placeholder="The first caption",
            )
        parts["train_run"] = gr.HTML(
            None,
            html_template=_RUN,
            js_on_load=mount_call("mountTraining", "train", ("start",)),
            apply_default_css=False,
            elem_classes="loom-train-run",
        )
    return parts


def connect_training(space: Workspace) -> None:
    """Wires the panel of the tab: its values on their way, the preset, what the browser keeps."""
    parts = {
        name: part for name, part in space.results.items() if name in TrainLoraSettings.model_fields
    }
    run = space.results["train_run"]
    assert isinstance(run, gr.HTML)
    kept = gr.BrowserState(None, storage_key="loom-train-form", secret="loom")

    start = event(run, "start")
    gathered(start, "train.start", parts | {"model": space.form.parts["model"]})
    names = json.dumps(list(parts))
    keep = f"(...values) => Object.fromEntries({names}.map((name, i) => [name, values[i]]))"
    start(
        fn=None,
        js=keep,
        inputs=list(parts.values()),
        outputs=kept,
        show_progress="hidden",
        api_visibility="private",
    )

    def follow_preset(preset: Any) -> list[Any]:
        values = next((held for name, held in PRESETS.items() if name == preset), None)
        return [values[name] if values else skip() for name in FROM_PRESET]

    preset = parts["preset"]
    assert isinstance(preset, gr.Dropdown)
    preset.input(
        follow_preset,
        inputs=preset,
        outputs=[parts[name] for name in FROM_PRESET],
        trigger_mode="always_last",
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )

    def restore(values: Any) -> list[Any]:
        if not isinstance(values, dict):
            return [skip()] * len(parts)
        kept = as_dict(values)
        try:
            parse_training(training_values(kept) | {"name": kept.get("name") or "none yet"})
        except LoomError:
            return [skip()] * len(parts)
        return [kept.get(name, skip()) for name in parts]

    assert Context.root_block is not None
    Context.root_block.load(
        restore,
        inputs=kept,
        outputs=list(parts.values()),
        show_progress="hidden",
        show_progress_on=run,
        queue=False,
        api_visibility="private",
    )


def _hint(name: str) -> str:
    return str(field_schema(TrainLoraSettings, name).get("description", ""))


def _title(name: str) -> str:
    return title_of(TrainLoraSettings, name)


def _number(name: str) -> gr.Number | gr.Textbox:
    schema = field_schema(TrainLoraSettings, name)
    title, hint, elem_id = _title(name), _hint(name), f"train-{name}"
    if name in OPEN:  # a number component would show 0 where there is none
        return gr.Textbox(
            label=title,
            info=hint,
            max_lines=1,
            elem_id=elem_id,
            placeholder=OPEN[name],
            elem_classes="loom-short",
        )
    whole: Literal[0] | None = 0 if schema["type"] == "integer" else None
    step = schema.get("step", 1) if name != "learning_rate" else 1e-5
    return gr.Number(
        PRESETS["style"].get(name, schema.get("default")),
        label=title,
        info=hint,
        precision=whole,
        elem_id=elem_id,
        step=step,
    )
