"""The Digits panel: a model trained from nothing, with its samples as they grow.

Its training begins and is followed over `ui.jobs.trainings`, as a LoRA's.
"""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image

from backend.contracts.fields import title_of
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.train_digits import TrainDigitsSettings, parse_digits
from backend.recipes.permalink import encode
from backend.resolve import names
from backend.training.digits.drawn import CLASSES, SIDE_PX, draw, sheet
from ui.lab.panel import Panel, Sent
from ui.server.schema import field_schema
from ui.server.studio import Studio

FIRST = ("name", "minutes", "width", "seed")
FURTHER = ("steps", "batch_size", "learning_rate", "sheet_every_s")
ROWS = 4
NAME = "digits"
STEPS = 50  # many for so small a picture, and over in a second or two


def form(studio: Studio, sent: Sent) -> Sent:
    """{"fields": [{"name", "title", "hint", "unit", "value", "further"}]}, and a free name."""
    taken = {model.name for model in studio.engine.library().models}
    free = next(
        name
        for number in range(1, len(taken) + 2)
        if (name := NAME if number == 1 else f"{NAME} {number}") not in taken
    )
    fields = [_field(name, further=name in FURTHER) for name in (*FIRST, *FURTHER)]
    return {"fields": fields, "name": free}


def drawings(studio: Studio, sent: Sent) -> Sent:
    """{"seed"}: what a training of that seed learns from, {"picture"}: a data URL."""
    settings = parse_digits({"name": NAME} | {key: sent[key] for key in ("seed",) if key in sent})
    laid = sheet(draw(ROWS * CLASSES, settings.seed)[0], CLASSES)
    stream = io.BytesIO()
    Image.fromarray(laid).save(stream, "PNG")
    packed = base64.b64encode(stream.getvalue()).decode("ascii")
    return {"picture": f"data:image/png;base64,{packed}"}


def recipe(studio: Studio, sent: Sent) -> Sent:
    """{"name"}: {"recipe"} of a link that opens txt2img with that model."""
    model = names.model(studio.engine.library(), str(sent.get("name", "")))
    settings = Txt2ImgSettings.model_validate(
        {
            "model": model.name,
            "width": SIDE_PX,
            "height": SIDE_PX,
            "class_label": 3,
            "sampler": "ddim",
            "schedule": "model",
            "steps": STEPS,
        }
    )
    return {"recipe": encode(settings)}


def _field(name: str, *, further: bool) -> dict[str, Any]:
    schema = field_schema(TrainDigitsSettings, name)
    return {
        "name": name,
        "title": title_of(TrainDigitsSettings, name),
        "hint": schema.get("description", ""),
        "unit": schema.get("unit", ""),
        "value": schema.get("default"),
        "text": name == "name",
        "further": further,
    }


PANEL = Panel(
    "digits",
    50,
    "Digits",
    "A small model learns to draw digits from nothing, and its samples grow out of noise.",
    tells={"form": form, "drawings": drawings, "recipe": recipe},
)
