"""What `/sdapi/v1` answers: names of what there is, and results."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from backend.contracts.errors import BadInput, LoomError
from backend.contracts.events import JobStatus, Output, Pixels
from backend.contracts.library import Library
from backend.control.registry import ENTRIES
from backend.engine.jobs.protocol import Memory
from backend.recipes.a1111 import parameters_text
from backend.recipes.a1111_names import SAMPLERS, SCHEDULES
from backend.recipes.metadata import read, write_png
from backend.recipes.pictures import encoded
from backend.recipes.texts import texts_of
from ui.sdapi import plot
from ui.sdapi.payloads import PLOT


def models(library: Library) -> list[dict[str, Any]]:
    """Checkpoints that can be used."""
    return [
        {
            "title": card.name,
            "model_name": card.name,
            "hash": None,
            "sha256": None,
            "filename": card.name,
            "config": None,
        }
        for card in library.models
        if not card.problem
    ]


def samplers(library: Library) -> list[dict[str, Any]]:
    """Samplers under the names that the field knows."""
    return [
        {"name": entry.title, "aliases": [name], "options": {}}
        for name, entry in library.samplers.items()
    ]


def schedulers(library: Library) -> list[dict[str, Any]]:
    """Schedules; `automatic` is what goes with the sampler."""
    known = dict.fromkeys(name for entry in library.samplers.values() for name in entry.schedules)
    return [
        {
            "name": "automatic",
            "label": "Automatic",
            "aliases": None,
            "default_rho": -1,
            "need_inner_model": False,
        },
        *(
            {
                "name": SCHEDULES.get(name, name).lower(),
                "label": SCHEDULES.get(name, name),
                "aliases": [name],
                "default_rho": -1,
                "need_inner_model": False,
            }
            for name in known
        ),
    ]


def upscalers(library: Library) -> list[dict[str, Any]]:
    """Lanczos, which also stands for A1111's "None", and the upscalers that can be used.

    Those that diffuse come last.
    """
    own = [("None", None, 4), ("Lanczos", None, 4)]
    named = [*own, *((name, name, factor) for name, factor in library.enlargers.items())]
    return [
        {
            "name": name,
            "model_name": file,
            "model_path": file,
            "model_url": None,
            "scale": scale,
        }
        for name, file, scale in named
    ]


def first_picture(status: JobStatus) -> str:
    """The first picture of a job, as base64.

    Raises:
        LoomError: It was stopped before there was one.
    """
    if not status.outputs:
        raise LoomError("The job was stopped before there was a picture.")
    output = status.outputs[0]
    return base64.b64encode(write_png(output.image, output.record)).decode()


def coded(image: Pixels) -> str:
    """A picture without a record, as base64."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def plotted(status: JobStatus, *, cells: bool) -> JobStatus:
    """A grid's job with its sheet first, as A1111 sends it, and its cells where they are wanted."""
    *lone, sheet = status.outputs or (None,)
    if sheet is None:
        return status
    return replace(status, outputs=(sheet, *(lone if cells else ())))


def plot_info(img2img: bool) -> dict[str, Any]:
    """The one script, with the names of its axes in the order of their numbers."""
    labels = list(plot.IMG2IMG if img2img else plot.TXT2IMG)
    args: list[dict[str, Any]] = []
    for letter in "XYZ":
        told = {"minimum": None, "maximum": None, "step": None}
        args += [
            {"label": f"{letter} type", "value": "Nothing", "choices": labels, **told},
            {"label": f"{letter} values", "value": "", "choices": None, **told},
            {"label": f"{letter} values", "value": None, "choices": [], **told},
        ]
    return {"name": PLOT, "is_alwayson": False, "is_img2img": img2img, "args": args}


def memory(held: Memory, device: str) -> dict[str, Any]:
    """RAM of this machine, and what the models may use of a graphics card."""
    page = os.sysconf("SC_PAGE_SIZE")
    total, free = (page * os.sysconf(name) for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
    card: dict[str, Any] = {"error": "unavailable"}
    if device != "cpu":
        used, most = held.used_bytes, held.budget_bytes
        card = {"system": {"free": max(0, most - used), "used": used, "total": most}}
    return {"ram": {"free": free, "used": total - free, "total": total}, "cuda": card}


def loras(library: Library) -> list[dict[str, Any]]:
    """LoRAs that can be used."""
    return [
        {
            "name": lora.name,
            "alias": lora.name,
            "path": lora.name,
            "metadata": {"trigger_words": list(lora.trigger_words)},
        }
        for lora in library.loras
        if not lora.problem
    ]


def embeddings(library: Library) -> dict[str, Any]:
    """Textual inversions, those that can be used apart from the others."""
    told = {
        one.name: {"step": None, "sd_checkpoint": None, "shape": None, "vectors": one.vectors}
        for one in library.embeddings
    }
    bad = {one.name for one in library.embeddings if one.problem}
    return {
        "loaded": {name: row for name, row in told.items() if name not in bad},
        "skipped": {name: row for name, row in told.items() if name in bad},
    }


def texts(data: bytes) -> dict[str, Any]:
    """What stands in a picture's file as it is, and the settings that are read from it.

    Raises:
        BadInput: It is no picture.
    """
    items = texts_of(data)
    try:
        found: dict[str, Any] = read(data).settings
    except BadInput:
        found = {}  # a picture without settings
    return {"info": items.get("parameters", ""), "items": items, "parameters": found}


def modules() -> list[str]:
    """Preprocessors of a ControlNet unit."""
    return ["none", *(entry.name for entry in ENTRIES if entry.name != "identity")]


def result(
    statuses: list[JobStatus],
    sent: dict[str, Any],
    *,
    images: bool,
    notes: Sequence[str] = (),
    saved_as: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The answer to a drawing request.

    Args:
        statuses: Of its jobs, all ended.
        sent: The payload, given back without its pictures.
        images: Whether to send the pictures.
        notes: What was changed of the payload, or is not kept.
        saved_as: `save_format` and `save_quality` where it is not PNG; they hold the record too.
    """
    outputs = [output for status in statuses for output in status.outputs]
    return {
        "images": [base64.b64encode(_file(o, saved_as)).decode() for o in outputs]
        if images
        else [],
        "parameters": {
            key: value
            for key, value in sent.items()
            if key not in ("init_images", "mask", "alwayson_scripts")
        },
        "info": json.dumps(_info(statuses, outputs) | {"comments": "\n".join(notes)}),
    }


def _file(output: Output, saved_as: Mapping[str, Any] | None) -> bytes:
    if not saved_as:
        return write_png(output.image, output.record)
    settings = {**output.record.settings, **saved_as}
    return encoded(output.image, replace(output.record, settings=settings)).content


def _info(statuses: list[JobStatus], outputs: list[Output]) -> dict[str, Any]:
    settings = outputs[0].record.settings if outputs else statuses[0].info.get("settings", {})
    height, width = outputs[0].image.shape[:2] if outputs else (None, None)
    model = outputs[0].record.model if outputs else {}
    return {
        "prompt": settings.get("prompt"),
        "negative_prompt": settings.get("negative_prompt"),
        "all_prompts": [o.record.settings["prompt"] for o in outputs],
        "all_negative_prompts": [o.record.settings["negative_prompt"] for o in outputs],
        "seed": settings.get("seed"),
        "all_seeds": [o.record.settings["seed"] for o in outputs],
        "subseed": settings.get("variation_seed"),
        "all_subseeds": [o.record.settings["variation_seed"] for o in outputs],
        "subseed_strength": settings.get("variation_strength"),
        "width": width,
        "height": height,
        "sampler_name": SAMPLERS.get(settings.get("sampler", ""), settings.get("sampler")),
        "extra_generation_params": {
            "Schedule type": SCHEDULES.get(settings.get("schedule", ""), settings.get("schedule"))
        },
        "cfg_scale": settings.get("guidance_scale"),
        "steps": settings.get("steps"),
        "batch_size": len(outputs),
        "denoising_strength": settings.get("strength"),
        "clip_skip": settings.get("clip_skip"),
        "sd_model_name": model.get("name"),
        "sd_model_hash": model.get("hash"),
        "infotexts": [parameters_text(output.record) for output in outputs],
        "job": statuses[-1].token,
        "state": statuses[-1].state,
        "interrupted": statuses[-1].state == "stopped",
    }
