"""Easy Diffusion: a text chunk for each field, or one JSON object of them beside the picture."""

from __future__ import annotations

import json
from typing import Any

from backend.recipes.a1111_names import sampler_and_schedule
from backend.recipes.draft import Draft
from backend.recipes.readers.common import Texts, json_object, list_of, stem
from backend.recipes.readers.plain_json import put_loras

TOOL = "Easy Diffusion"
MAX_LIST_CHARS = 4000
_MARKS = {"num_inference_steps", "use_stable_diffusion_model"}
_NUMBERS: dict[str, tuple[str, type[int] | type[float]]] = {
    "seed": ("seed", int),
    "num_inference_steps": ("steps", int),
    "guidance_scale": ("guidance_scale", float),
    "width": ("width", int),
    "height": ("height", int),
}
_NAMES = {"use_stable_diffusion_model": "model", "use_vae_model": "vae"}


def read(texts: Texts) -> Draft | None:
    """The fields of a picture of Easy Diffusion."""
    if not set(texts) >= _MARKS or json_object(texts.get("prompt")) is not None:
        return None
    draft = Draft(TOOL)
    draft.put("prompt", texts.get("prompt"), "The prompt")
    draft.put("negative_prompt", texts.get("negative_prompt"), "The negative prompt")
    for key, (field, kind) in _NUMBERS.items():
        draft.number(field, kind, texts.get(key), key)
    for key, field in _NAMES.items():
        name = texts.get(key, "")
        if name and name != "None":
            draft.put(field, stem(name), f"'{key}: {name[:80]}'")
    draft.model["name"] = str(draft.values.get("model", ""))
    if texts.get("clip_skip") == "True":  # a switch there: the layer before the last
        draft.put("clip_skip", 2, "'clip_skip: True'")
    sampler = texts.get("sampler_name", "")
    if sampler:
        scheduler = texts.get("scheduler_name") or None
        pair, note = sampler_and_schedule(sampler[:80], scheduler)
        for field, value in pair.items():
            draft.put(field, value, f"'sampler_name: {sampler[:80]}'")
        draft.notes += [note] if note else []
    names, weights = _listed(texts.get("use_lora_model")), _listed(texts.get("lora_alpha"))
    weights = [*weights, *[None] * (len(names) - len(weights))]
    put_loras(draft, [pair for pair in zip(names, weights, strict=False) if pair[0] != "None"])
    return draft


def _listed(text: str | None) -> list[Any]:
    """A list that stands as one in the text, or the one value that is there."""
    if not text or text == "None":
        return []
    if not text.startswith("[") or len(text) > MAX_LIST_CHARS:
        return [text]
    for written in (text, text.replace("'", '"')):  # Python's way, or JSON's
        try:
            value = json.loads(written)
        except (ValueError, RecursionError):
            continue
        return list_of(value)
    return [text]
