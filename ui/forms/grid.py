"""The X/Y/Z grid of a tab: up to three axes, and what the grid will cost before it starts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from backend.contracts.axes import LORA, PROMPT_SR
from backend.contracts.errors import BadInput
from backend.contracts.fields import title_of
from backend.contracts.settings import MODES, Settings, XyzGridSettings, axis_fields, parse
from backend.engine.jobs.protocol import Engine
from backend.resolve.request import complete
from ui.forms.form import Form
from ui.forms.stage import mount_call
from ui.gradio_compat.carrying import gathered
from ui.gradio_compat.untyped import event, on, skip
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict
from ui.server.studio import Studio

_TEMPLATE = """
<div class="grid-start">
  <p class="cost" role="status"></p>
  <button type="button" class="draw quiet" disabled>Draw the grid</button>
</div>
"""
FIRST = ("seed", "steps", "guidance_scale", "sampler", "schedule", "strength", "model")
# What makes several pictures of one run has no place in a grid.
SINGLE: dict[str, Any] = {"batch_size": 1, "batch_count": 1, "strengths": []}
EMPTY = (
    "Choose a setting for an axis and write its values: 1-10 [5] is five of them, 1-5 (+2) is "
    "1, 3, 5; anything else stands between commas."
)


class GridPanel:
    """The components of the section, by name in `parts`: x_field, x_values, ..., z_values.

    Args:
        studio: Its engine says what there is and how long it takes.
        form: Of the tab; its settings are those off the axes.
    """

    def __init__(self, studio: Studio, form: Form) -> None:
        self.studio = studio
        self.form = form
        self.parts: dict[str, Any] = {}
        mode = form.mode
        with gr.Accordion(
            "X/Y/Z grid", open=False, elem_id=f"{mode}-grid", elem_classes="loom-fold"
        ) as self.fold:
            self.choices = choices = axis_choices(studio.engine, mode)
            with gr.Group(elem_classes="loom-controls"):
                for letter, way in (("x", "columns"), ("y", "rows"), ("z", "grids")):
                    self.parts[f"{letter}_field"] = gr.Dropdown(
                        choices,
                        value="",
                        label=f"{letter.upper()}, {way}",
                        elem_id=f"{mode}-{letter}-field",
                    )
                    self.parts[f"{letter}_values"] = gr.Textbox(
                        "",
                        label=f"{letter.upper()} values",
                        lines=1,
                        max_lines=4,
                        placeholder="1-10 [5] or a, b",
                        elem_id=f"{mode}-{letter}-values",
                    )
            self.start = gr.HTML(
                {"text": EMPTY, "ready": False},
                html_template=_TEMPLATE,
                js_on_load=mount_call("mountGrid", mode, ("draw",)),
                server_functions=[self._forecast()],
                apply_default_css=False,
                elem_id=f"{mode}-grid-start",
                elem_classes="loom-grid",
            )

    def connect(self, pictures: dict[str, Any]) -> None:
        """Wires the section.

        Args:
            pictures: The tab's components that hold pictures.
        """
        engine = self.studio.engine
        quiet: dict[str, Any] = {
            "queue": False,
            "show_progress": "hidden",
            "api_visibility": "private",
            "preprocess": False,
        }

        inputs: dict[str, Any] = self.form.parts | self.parts
        keys = json.dumps(list(self.parts))
        changed = f"(...values) => loom.axesChanged('{self.form.mode}', {keys}, values)"
        # By script alone: an event with a function would send every setting of every tab for each
        # change, and its answer touches every control that it was sent. The form's own values come
        # with what the workspace keeps.
        on(
            [part.change for part in self.parts.values()],
            fn=None,
            js=changed,
            inputs=list(self.parts.values()),
            show_progress="hidden",
            api_visibility="private",
        )

        def choices() -> list[Any]:
            """LoRAs come and go, and the page may be older than the engine."""
            now = axis_choices(engine, self.form.mode)
            # The same choices again would only disturb who is choosing.
            return [skip() if now == self.choices else gr.update(choices=now)] * 3

        self.fold.expand(
            choices, outputs=[self.parts[f"{letter}_field"] for letter in "xyz"], **quiet
        )

        def names(field: Any, written: Any) -> Any:
            found = "" if written else everything(engine, self.form.mode, str(field))
            return found or skip()  # an empty answer must not wipe what was typed meanwhile

        for letter in "xyz":
            field, values = self.parts[f"{letter}_field"], self.parts[f"{letter}_values"]
            field.input(
                names, inputs=[field, values], outputs=values, trigger_mode="always_last", **quiet
            )

        gathered(event(self.start, "draw"), f"{self.form.mode}.draw", inputs | pictures)

    def _forecast(self) -> Callable[..., Any]:
        async def forecast(raw: Any) -> dict[str, Any]:
            """What the axes and settings on the page would cost."""
            try:
                if not isinstance(raw, dict):
                    raise BadInput(EMPTY)
                return await asyncio.to_thread(
                    lambda: cost(self.studio.engine, self.settings(as_dict(raw)))
                )
            except Exception as error:
                return {"text": sentence(error), "ready": False}

        return forecast

    def write(self, settings: dict[str, Any]) -> list[Any]:
        """Updates for `parts` that show the axes of a grid's settings."""
        return [str(settings.get(name, "")) for name in self.parts]

    def settings(self, raw: dict[str, Any]) -> XyzGridSettings:
        """The grid that the values of the form and the axes ask for.

        Raises:
            BadInput: There is no axis, or a value cannot be used.
        """
        values = self.form.values({k: raw[k] for k in self.form.parts if k in raw})
        values |= {k: v for k, v in SINGLE.items() if k in values}
        base = {k: v for k, v in values.items() if k not in Settings.model_fields}
        shared = {k: v for k, v in values.items() if k in Settings.model_fields}
        shown = {name: str(raw.get(name) or "") for name in self.parts}
        if not any(shown.values()):
            raise BadInput(EMPTY)
        made = parse(
            XyzGridSettings.mode, shared | shown | {"base_mode": self.form.mode, "base": base}
        )
        assert isinstance(made, XyzGridSettings)
        return made


def axis_choices(engine: Engine, mode: str) -> list[tuple[str, str]]:
    """What may stand on an axis: title and name, the usual ones first."""
    fields = list(axis_fields(mode))
    ordered = [
        *(name for name in FIRST if name in fields),
        *(name for name in fields if name not in FIRST),
    ]
    loras = [lora.name for lora in engine.library().loras if not lora.problem]
    return [
        ("none", ""),
        ("Prompt, search and replace", PROMPT_SR),
        *((title_of(MODES[mode], name), name) for name in ordered),
        *((f"LoRA {name}", f"{LORA}{name}") for name in loras),
    ]


def everything(engine: Engine, mode: str, field: str) -> str:
    """All names that a field accepts, to choose from by deleting; empty for numbers and texts."""
    if field == "model":
        return ", ".join(card.name for card in engine.library().models)
    samplers = engine.library().samplers
    if field == "sampler":
        return ", ".join(entry.title for entry in samplers.values())
    if field == "schedule":
        return ", ".join(dict.fromkeys(s for one in samplers.values() for s in one.schedules))
    schema = axis_fields(mode).get(field, {})
    if schema.get("type") == "boolean":
        return "off, on"
    return ", ".join(str(name) for name in schema.get("enum", ()))


def cost(engine: Engine, settings: XyzGridSettings) -> dict[str, Any]:
    """How many cells, steps and about how many seconds, in a sentence."""
    seconds = engine.seconds(complete(settings, engine.library()))
    cells, steps = settings.picture_count, settings.model_steps
    about = (
        "the time is known after the first picture of this model"
        if seconds is None
        else f"about {spoken(seconds)}"
    )
    return {
        "text": f"{cells} {'cell' if cells == 1 else 'cells'}, {steps:,} steps, {about}.",
        "ready": True,
    }


def spoken(seconds: float) -> str:
    """A duration in the unit that fits it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
