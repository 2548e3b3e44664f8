"""Records that are one JSON object: Fooocus, SwarmUI, InvokeAI, NovelAI, Draw Things.

Each has a table of what its keys become; the rest is kept unread.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, cast

from backend.contracts.errors import short
from backend.recipes.a1111_names import sampler_and_schedule
from backend.recipes.draft import Draft, LoraRow, number
from backend.recipes.readers.common import (
    Texts,
    json_object,
    list_of,
    object_of,
    objects_in,
    stem,
    text_of,
)

# Key of the record -> our field and its kind. Empty: read elsewhere, or of no meaning here.
MAX_NAMED = 64  # models of which a record tells the hashes
Table = Mapping[str, tuple[str, type[int] | type[float] | type[str]] | None]

FOOOCUS: Table = {
    "prompt": ("prompt", str),
    "negative_prompt": ("negative_prompt", str),
    "steps": ("steps", int),
    "seed": ("seed", int),
    "guidance_scale": ("guidance_scale", float),
    "base_model": ("model", str),
    "clip_skip": ("clip_skip", int),
    **dict.fromkeys(
        ("sampler", "scheduler", "resolution", "loras", "vae", "version", "metadata_scheme",
         "base_model_hash", "full_prompt", "full_negative_prompt", "created_by")
    ),
}  # fmt: skip
SWARM: Table = {
    "prompt": ("prompt", str),
    "negativeprompt": ("negative_prompt", str),
    "steps": ("steps", int),
    "seed": ("seed", int),
    "cfgscale": ("guidance_scale", float),
    "width": ("width", int),
    "height": ("height", int),
    "model": ("model", str),
    "vae": ("vae", str),
    "variationseed": ("variation_seed", int),
    "variationseedstrength": ("variation_strength", float),
    "fluxguidancescale": ("distilled_guidance", float),
    **dict.fromkeys(
        ("sampler", "scheduler", "loras", "loraweights", "images", "swarm_version", "aspectratio",
         "clipstopatlayer", "seamlesstileable", "date", "generation_time")
    ),
}  # fmt: skip
INVOKE: Table = {
    "positive_prompt": ("prompt", str),
    "negative_prompt": ("negative_prompt", str),
    "steps": ("steps", int),
    "seed": ("seed", int),
    "cfg_scale": ("guidance_scale", float),
    "cfg_rescale_multiplier": ("guidance_rescale", float),
    "guidance": ("distilled_guidance", float),
    "width": ("width", int),
    "height": ("height", int),
    **dict.fromkeys(
        ("scheduler", "model", "loras", "clip_skip", "rand_device", "app_version",
         "generation_mode", "vae", "seamless_x", "seamless_y")
    ),
}  # fmt: skip
NOVELAI: Table = {
    "uc": ("negative_prompt", str),
    "steps": ("steps", int),
    "seed": ("seed", int),
    "scale": ("guidance_scale", float),
    "cfg_rescale": ("guidance_rescale", float),
    "width": ("width", int),
    "height": ("height", int),
    **dict.fromkeys(
        ("prompt", "sampler", "noise_schedule", "request_type", "signed_hash", "v4_prompt",
         "v4_negative_prompt", "n_samples")
    ),
}  # fmt: skip
TENSOR_ART: Table = {
    "prompt": ("prompt", str),
    "negativePrompt": ("negative_prompt", str),
    "steps": ("steps", int),
    "seed": ("seed", int),
    "cfgScale": ("guidance_scale", float),
    "clipSkip": ("clip_skip", int),
    "width": ("width", int),
    "height": ("height", int),
    **dict.fromkeys(("samplerName", "baseModel", "models", "imageCount", "etaNoiseSeedDelta")),
}
DRAW_THINGS: Table = {
    "c": ("prompt", str),
    "uc": ("negative_prompt", str),
    "steps": ("steps", int),
    "seed": ("seed", int),
    "scale": ("guidance_scale", float),
    "model": ("model", str),
    **dict.fromkeys(("sampler", "size", "lora", "profile")),
}


def fooocus(texts: Texts) -> Draft | None:
    """Fooocus writes its JSON under `parameters`, and which scheme it is under `fooocus_scheme`."""
    record = json_object(texts.get("parameters"))
    if record is None or not ("fooocus_scheme" in texts or "base_model" in record):
        return None
    draft = filled("Fooocus", record, FOOOCUS)
    vae = text_of(record.get("vae")) or ""
    if not vae.startswith("Default"):  # the model's own
        draft.put("vae", stem(vae) or None, f"'vae: {short(vae)}'")
    put_sampler(draft, _plain_name(record.get("sampler")), text_of(record.get("scheduler")))
    try:
        size = ast.literal_eval(str(record.get("resolution"))[:40])
    except (ValueError, SyntaxError):
        size = None
    _size(draft, size, record.get("resolution"), "resolution")
    rows = map(list_of, list_of(record.get("loras")))
    put_loras(draft, [(row[0], row[1], *row[2:3]) for row in rows if len(row) >= 2])
    draft.model["hash"] = text_of(record.get("base_model_hash")) or ""
    return draft


def swarmui(texts: Texts) -> Draft | None:
    """SwarmUI's object has its settings under `sui_image_params`."""
    document = json_object(texts.get("parameters"))
    record = object_of((document or {}).get("sui_image_params"))
    if document is None or record is None:
        return None
    draft = filled("SwarmUI", record, SWARM)
    put_sampler(draft, text_of(record.get("sampler")), text_of(record.get("scheduler")))
    names, weights = list_of(record.get("loras")), list_of(record.get("loraweights"))
    weights = [*weights, *[1.0] * (len(names) - len(weights))]
    told = _swarm_hashes(document)
    digests = [told.get(stem(name)) if isinstance(name, str) else None for name in names]
    put_loras(draft, list(zip(names, weights, digests, strict=False)))
    draft.model["hash"] = told.get(draft.model.get("name", ""), "")
    draft.facts["vae_hash"] = told.get(stem(str(draft.values.get("vae", ""))), "")
    skipped = number(int, record.get("clipstopatlayer"))
    if skipped is not None and skipped < -1:
        draft.put("clip_skip", -skipped, f"'clipstopatlayer: {skipped}'")
    tiled = str(record.get("seamlesstileable", "false")).lower()
    ways = {"true": "both", "x-only": "x", "y-only": "y"}
    draft.put("tiling", ways.get(tiled), f"'seamlesstileable: {tiled[:20]}'")
    return draft


def _swarm_hashes(document: Mapping[str, Any]) -> dict[str, str]:
    """Its models' names and hashes, of the tensors (SHA-256), with "0x" in front."""
    rows = objects_in(document.get("sui_models"))[:MAX_NAMED]
    pairs = ((text_of(row.get("name")), text_of(row.get("hash"))) for row in rows)
    return {stem(name): digest[:80] for name, digest in pairs if name and digest}


def invokeai(texts: Texts) -> Draft | None:
    """InvokeAI 3 and later; models are named by themselves or in an object."""
    record = json_object(texts.get("invokeai_metadata"))
    if record is None:
        return None
    draft = filled("InvokeAI", record, INVOKE)
    put_sampler(draft, *_invoke_sampler(text_of(record.get("scheduler"))))
    name = _named(record.get("model"))
    if name:
        draft.put("model", stem(name), f"'model: {short(name)}'")
        draft.model["name"] = stem(name)
    if vae := _named(record.get("vae")):
        draft.put("vae", stem(vae), f"'vae: {short(vae)}'")
    rows = objects_in(record.get("loras"))
    put_loras(
        draft, [(_named(row.get("lora", row.get("model"))), row.get("weight")) for row in rows]
    )
    skipped = number(int, record.get("clip_skip"))
    if skipped:  # it counts what is left out, others from 1
        draft.put("clip_skip", int(skipped) + 1, f"'clip_skip: {skipped}'")
    ways = {(True, True): "both", (True, False): "x", (False, True): "y"}
    sides = record.get("seamless_x") is True, record.get("seamless_y") is True
    draft.put("tiling", ways.get(sides), "'seamless'")
    if record.get("rand_device") not in ("cpu", None):
        draft.leave("rand_device", record["rand_device"])
    return draft


def novelai(texts: Texts) -> Draft | None:
    """NovelAI: the prompt under `Description`, the rest as JSON under `Comment`."""
    record = json_object(texts.get("Comment"))
    if record is None or not (texts.get("Software") == "NovelAI" or "uc" in record):
        return None
    draft = filled("NovelAI", record, NOVELAI)
    prompt = text_of(record.get("prompt")) or texts.get("Description")
    prompt = prompt or _captions(record.get("v4_prompt"))
    if not draft.values.get("negative_prompt"):
        draft.put("negative_prompt", _captions(record.get("v4_negative_prompt")) or None, "uc")
    draft.put("prompt", prompt, "The prompt")
    schedule = text_of(record.get("noise_schedule"))
    put_sampler(draft, text_of(record.get("sampler")), None if schedule == "native" else schedule)
    draft.leave("Source", texts.get("Source"))  # says which of its models
    return draft


def _captions(told: Any) -> str:
    """NovelAI 4: a caption of the whole and one for each figure."""
    caption = object_of((object_of(told) or {}).get("caption")) or {}
    parts = [caption.get("base_caption")]
    parts += [row.get("char_caption") for row in objects_in(caption.get("char_captions"))]
    return ", ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())


def tensor_art(texts: Texts) -> Draft | None:
    """Tensor.Art: one object under `generation_data`."""
    record = json_object(texts.get("generation_data", "").rstrip("\0"))
    if record is None:
        return None
    draft = filled("Tensor.Art", record, TENSOR_ART)
    put_sampler(draft, text_of(record.get("samplerName")), None)
    base = object_of(record.get("baseModel")) or {}
    if name := text_of(base.get("modelFileName")):
        draft.put("model", stem(name), f"'baseModel: {short(name)}'")
        draft.model = {"name": stem(name), "hash": text_of(base.get("hash")) or ""}
    given = objects_in(record.get("models"))
    loras = [row for row in given if str(row.get("type", "")).upper() == "LORA"]
    put_loras(draft, [(row.get("modelFileName"), row.get("weight")) for row in loras])
    for row in [row for row in given if row not in loras]:
        draft.leave("model", str(row.get("modelFileName")))
    return draft


def draw_things(texts: Texts) -> Draft | None:
    """Draw Things writes JSON into the XMP's UserComment."""
    record = json_object(texts.get("parameters"))
    if record is None or not {"c", "scale", "sampler"} <= set(record):
        return None
    draft = filled("Draw Things", record, DRAW_THINGS)
    put_sampler(draft, text_of(record.get("sampler")), None)
    size = str(record.get("size")).split("x")
    _size(draft, [number(int, part) for part in size], record.get("size"), "size")
    rows = objects_in(record.get("lora"))
    put_loras(draft, [(row.get("model"), row.get("weight")) for row in rows])
    return draft


def unknown(texts: Texts) -> Draft | None:
    """A JSON object of nobody we know: kept, never a prompt."""
    record = json_object(texts.get("parameters"))
    if record is None:
        return None
    draft = Draft("an unknown tool")
    draft.notes.append(
        "The picture holds JSON of a tool that is not known here; it is kept as it is."
    )
    draft.unread["parameters"] = texts["parameters"]
    return draft


def filled(tool: str, record: Mapping[str, Any], table: Table) -> Draft:
    """A draft of what the table knows; the rest is kept unread."""
    draft = Draft(tool)
    for key, value in list(record.items())[:1000]:
        if key not in table:
            draft.leave(key, value)
            continue
        entry = table[key]
        if entry is None:
            continue
        field, kind = entry
        if kind is int or kind is float:
            draft.number(field, kind, value, key)
        elif isinstance(value, str):
            value = stem(value) if field == "model" else value
            draft.put(field, value, f"'{key}: {short(value)}'")
            if field == "model":
                draft.model["name"] = value
    return draft


def put_sampler(draft: Draft, sampler: str | None, schedule: str | None) -> None:
    """Takes a sampler and its schedule, by whatever name; says what could not be kept."""
    if not sampler:
        return
    pair, note = sampler_and_schedule(sampler[:80].removeprefix("k_"), schedule)
    for field, value in pair.items():
        draft.put(field, value, f"'sampler: {short(sampler)}'")
    if note:
        draft.notes.append(note)


def _plain_name(sampler: Any) -> str | None:
    """Fooocus' names are k-diffusion's, some with the device behind."""
    return sampler.removesuffix("_gpu") if isinstance(sampler, str) else None


def _invoke_sampler(scheduler: str | None) -> tuple[str | None, str | None]:
    """InvokeAI's scheduler is a sampler, with `_k` behind it for Karras' schedule."""
    if scheduler and scheduler.endswith("_k"):
        return scheduler.removesuffix("_k"), "karras"
    return scheduler, None


def _size(draft: Draft, size: Any, said: Any, key: str) -> None:
    if said in (None, ""):
        return
    sides = cast("Sequence[Any]", size) if isinstance(size, tuple | list) else ()
    if len(sides) == 2 and None not in sides:
        for field, value in zip(("width", "height"), sides, strict=True):
            draft.put(field, value, f"'{key}: {short(said)}'")
    else:
        draft.notes.append(f"'{key}: {short(said)}' is not a size.")


def put_loras(draft: Draft, rows: Sequence[Sequence[Any]]) -> None:
    """Takes LoRAs: a name, a weight, and perhaps the hash that the record gives."""
    taken: list[LoraRow] = []
    hashes: dict[str, str] = {}
    for name, weight, *digest in rows:
        strength = 1.0 if weight is None else number(float, weight)
        if isinstance(name, str) and strength is not None:
            taken.append(LoraRow(stem(name), strength))
            if digest and isinstance(digest[0], str) and digest[0]:
                hashes[stem(name)] = digest[0][:80]
        else:
            draft.leave("LoRA", f"{name}: {weight}")
    draft.put_loras(taken)
    if hashes:
        draft.facts["lora_hashes"] = hashes


def _named(model: Any) -> str | None:
    """A model's name, alone or in one of InvokeAI's objects."""
    told = object_of(model)
    if told is None:
        return text_of(model)
    names = (text_of(told.get(key)) for key in ("name", "model_name"))
    return next((name for name in names if name is not None), None)
