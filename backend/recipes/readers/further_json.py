"""Further records that are one JSON object: RuinedFooocus, and Civitai's beside a graph."""

from __future__ import annotations

import re
from typing import Any

from backend.recipes.draft import Draft
from backend.recipes.readers.common import (
    Texts,
    json_object,
    list_of,
    objects_in,
    text_of,
)
from backend.recipes.readers.plain_json import MAX_NAMED, Table, filled, put_loras, put_sampler

RUINED: Table = {
    "Prompt": ("prompt", str),
    "Negative": ("negative_prompt", str),
    "steps": ("steps", int),
    "seed": ("seed", int),
    "cfg": ("guidance_scale", float),
    "width": ("width", int),
    "height": ("height", int),
    "base_model_name": ("model", str),
    "clip_skip": ("clip_skip", int),
    **dict.fromkeys(("sampler_name", "scheduler", "base_model_hash", "loras", "software")),
}
CIVITAI: Table = {
    "prompt": ("prompt", str),
    "negativePrompt": ("negative_prompt", str),
    "steps": ("steps", int),
    "seed": ("seed", int),
    "cfgScale": ("guidance_scale", float),
    "clipSkip": ("clip_skip", int),
    "width": ("width", int),
    "height": ("height", int),
    **dict.fromkeys(("sampler", "workflowId", "quantity")),
}
_TAG = re.compile(r"<([^<>:]{1,200}):(-?[\d.]{1,12})>")


def ruined_fooocus(texts: Texts) -> Draft | None:
    """RuinedFooocus says who it is; its LoRAs are a hash and "weight - name", once tags."""
    record = json_object(texts.get("parameters"))
    if record is None or record.get("software") != "RuinedFooocus":
        return None
    draft = filled("RuinedFooocus", record, RUINED)
    name = text_of(record.get("sampler_name")) or ""
    put_sampler(draft, name.removesuffix("_gpu"), text_of(record.get("scheduler")))
    draft.model["hash"] = text_of(record.get("base_model_hash")) or ""
    rows: list[tuple[Any, ...]] = []
    for row in map(list_of, list_of(record.get("loras"))[:MAX_NAMED]):
        weight, behind, named = str(row[-1] if row else "").partition(" - ")
        rows.append((named if behind else None, weight, row[0] if len(row) > 1 else None))
    rows += _TAG.findall(text_of(record.get("loras")) or "")[:MAX_NAMED]
    put_loras(draft, rows)
    return draft


def civitai(texts: Texts) -> Draft | None:
    """Civitai's generator: what was asked for, as a text beside the graph that ran."""
    document = json_object(texts.get("parameters"))
    record = json_object(text_of((document or {}).get("extraMetadata")))
    if record is None:
        return None
    draft = filled("Civitai", {k: v for k, v in record.items() if k != "resources"}, CIVITAI)
    put_sampler(draft, text_of(record.get("sampler")), None)
    for row in objects_in(record.get("resources"))[:MAX_NAMED]:  # by its number alone
        number = row.get("modelVersionId")
        draft.leave(f"Civitai resource {number}", f"weight {row.get('strength', 1)}")
    return draft
