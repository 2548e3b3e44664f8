"""A mode's form: components by control, settings out of their values, and values into them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from backend.contracts.errors import BadInput
from backend.contracts.fields import choice_title
from backend.contracts.library import Library, ModelEntry
from backend.contracts.settings import MODES, Settings, parse
from backend.contracts.settings.sampler_pair import check_sampler
from backend.contracts.settings.upscale import LANCZOS
from backend.engine.jobs.protocol import Engine
from ui.forms import able, cascade_rows, control_rows, lora_rows, region_rows
from ui.forms.choices import (
    UPSCALERS,
    adapter_choices,
    card_of,
    controlnet_choices,
    detector_choices,
    model_choice,
    ratios,
    size_choices,
    upscaler_choices,
    vae_choices,
)
from ui.forms.controls import Control, control_for
from ui.forms.parts import Part
from ui.gradio_compat.untyped import skip
from ui.server.schema import field_schema


@dataclass
class Form:
    """The controls of one mode. Built by calling `add` where each control shall stand.

    Attributes:
        mode: A key of `settings.MODES`.
        engine: Asked for the model cards and names at hand.
        parts: Part by control key, in the order of building; "model" is among them.
    """

    mode: str
    engine: Engine
    parts: dict[str, Part] = field(default_factory=dict[str, Part])
    controls: dict[str, Control] = field(default_factory=dict[str, Control])

    @property
    def settings(self) -> type[Settings]:
        """The settings model behind the form."""
        return MODES[self.mode]

    @property
    def components(self) -> list[Part]:
        """All components, in the order of `parts`."""
        return list(self.parts.values())

    def add(self, name: str) -> Part:
        """Builds the component of a settings field ("width" brings the size)."""
        rows = {
            "loras": lora_rows.control,
            "stages": cascade_rows.control,
            "controls": control_rows.control,
            "regions": region_rows.control,
        }
        control = (
            rows[name](self.engine, self.mode) if name in rows else control_for(self.settings, name)
        )
        card = card_of(self.engine.library(), str(getattr(self.parts["model"], "value", "")))
        shown = control.write(self._blank(card), card)
        schema = field_schema(self.settings, name) | {"default": shown}
        component = control.build(
            control.key, schema, self.engine.library(), f"{self.mode}-{control.key}"
        )
        able.grey(component, control.key, card)
        self.adopt(control, component)
        return component

    def adopt(self, control: Control, component: Part) -> None:
        """Takes in a component that stands elsewhere, e.g. the model in the header."""
        self.parts[control.key] = component
        self.controls[control.key] = control

    def parse(self, raw: dict[str, Any]) -> Settings:
        """Validates what the components sent.

        Raises:
            BadInput: Names the field at fault.
        """
        settings = parse(self.mode, self.values(raw))
        check_sampler(settings, self.engine.library().samplers)
        return settings

    def values(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Part values by key -> settings by field, not yet validated."""
        values: dict[str, Any] = {}
        for key, control in self.controls.items():
            if key not in raw:
                raise BadInput(f"The form did not send '{key}'; reload the page.", key)
            values |= control.read(raw[key])
        # What is greyed keeps its text for the next model, and goes with no run of this one.
        card = card_of(self.engine.library(), str(values.get("model", "")))
        blank = self._blank(card)
        return {
            field: blank[field] if able.follows(field) and able.reason(field, card) else value
            for field, value in values.items()
        }

    def kept(self, raw: dict[str, Any]) -> dict[str, Any]:
        """`values` of what a browser kept, perhaps of an older form: as far as it goes.

        What the form has no control for keeps its name, for the migrations of documents.
        """
        values = {key: value for key, value in raw.items() if key not in self.controls}
        for key, control in self.controls.items():
            if key in raw:
                with suppress(BadInput):
                    values |= control.read(raw[key])
        return values

    def defaults(self, model: str) -> dict[str, Any]:
        """Default value of each component under a model; the model itself is not marked."""
        card = card_of(self.engine.library(), model)
        return {
            key: control.write(self._blank(card), card)
            for key, control in self.controls.items()
            if key != "model" and "prompt" not in control.fields
        }

    def told(self, model: str) -> dict[str, Any]:
        """What the page's script is told of a model: what is usual, and sizes by ratio."""
        card = card_of(self.engine.library(), model)
        return {"defaults": self.defaults(model), "ratios": ratios(card)}

    def write(self, values: dict[str, Any]) -> list[Any]:
        """Updates for `components` that show these settings; fields left out get defaults."""
        library = self.engine.library()
        card = card_of(library, values.get("model") or library.default_model)
        blank = self._blank(card)
        values = blank | {k: v for k, v in values.items() if k in blank}
        values["model"] = values["model"] or library.default_model
        updates: list[Any] = []
        for key, control in self.controls.items():
            value = control.write(values, card)
            if key == "schedule":
                updates.append(gr.update(value=value, choices=self.schedules(values["sampler"])))
            elif key == "size":
                updates.append(gr.update(value=value, choices=size_choices(card)))
            elif key == "steps":
                most = max(card.can.usual_steps, value)  # a record may hold more
                updates.append(gr.update(value=value, maximum=most))
            elif key == "vae":
                choices = vae_choices(library)
                known = value in [name for _, name in choices]
                updates.append(gr.update(value=value if known else "", choices=choices))
            elif key == "reference_adapter":
                choices = adapter_choices(library)
                known = value in [name for _, name in choices]
                updates.append(gr.update(value=value if known else "", choices=choices))
            elif key in UPSCALERS:
                choices = upscaler_choices(key, library)
                known = value in [name for _, name in choices]
                updates.append(gr.update(value=value if known else LANCZOS, choices=choices))
            elif key == "model":
                choices = [model_choice(entry) for entry in library.models]
                here = library.model(value) is not None
                updates.append(gr.update(value=value, choices=choices) if here else skip())
            else:
                updates.append(gr.update(value=value))
        return updates

    def lists(self, library: Library) -> dict[str, list[tuple[str, str]]]:
        """The choices of the controls that offer what lies in the models folders."""
        found: dict[str, list[tuple[str, str]]] = {}
        for key in self.parts:
            match key:
                case "vae":
                    found[key] = vae_choices(library)
                case "controlnet":
                    found[key] = controlnet_choices(library)
                case "detector":
                    found[key] = detector_choices(library)
                case "reference_adapter":
                    found[key] = adapter_choices(library)
                case "upscaler" | "hires_upscaler":
                    found[key] = upscaler_choices(key, library)
                case _:
                    pass
        return found

    def only(self, changes: dict[str, Any]) -> list[Any]:
        """Updates for `components` that touch the named controls alone."""
        return [changes.get(key, skip()) for key in self.parts]

    def _blank(self, card: ModelEntry) -> dict[str, Any]:
        """What every field holds under a model before anybody has touched it."""
        usual = {name: info.get_default() for name, info in self.settings.model_fields.items()}
        return usual | {name: value for name, value in card.recommends.items() if name in usual}

    def schedules(self, sampler: Any) -> list[tuple[str, str]]:
        """Choices of the schedule for a sampler."""
        entry = self.engine.library().samplers.get(str(sampler))
        names = () if entry is None else entry.schedules
        return [(choice_title(self.settings, "schedule", name), name) for name in names]
