"""ComfyUI's workflow as its page keeps it, read as the graph that it would run.

Nodes stand in a list, with the values of their widgets in order and their links by numbers; how
the widgets are called stands there in newer files only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.recipes.readers.comfyui_walk import MAX_DEPTH, MAX_NODES
from backend.recipes.readers.common import list_of, object_of, objects_in

# Class -> its widgets, for files that do not name them; "" is what the page adds behind a seed.
_WIDGETS: dict[str, tuple[str, ...]] = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        *("add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler"),
        *("start_at_step", "end_at_step", "return_with_leftover_noise"),
    ),
    "SamplerCustom": ("add_noise", "noise_seed", "", "cfg"),
    "RandomNoise": ("noise_seed", ""),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "VAELoader": ("vae_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeSDXL": (
        *("width", "height", "crop_w", "crop_h", "target_width", "target_height"),
        *("text_g", "text_l"),
    ),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "PrimitiveNode": ("value",),
    "LoadImage": ("image",),
}
_AFTER_SEED = ("fixed", "increment", "decrement", "randomize")
_MUTED, _BYPASSED = 2, 4


def graph_of(workflow: Mapping[str, Any]) -> dict[str, Any]:
    """The graph, as `prompt` would hold it; empty where there are no nodes."""
    rows = objects_in(workflow.get("nodes"))[:MAX_NODES]
    rows = [row for row in rows if row.get("mode") != _MUTED]
    links = _links(workflow)
    hands_on = {
        str(row.get("id")): next(iter(_linked(row, links).values()), None)
        for row in rows
        if row.get("type") == "Reroute"
    }
    return {
        str(row.get("id")): {
            "class_type": str(row.get("type")),
            "inputs": _widgets(row)
            | {name: _through(link, hands_on) for name, link in _linked(row, links).items()},
        }
        for row in rows
    }


def _links(workflow: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Number of a link -> [node, output] that it comes from."""
    found: dict[str, list[Any]] = {}
    for row in list_of(workflow.get("links"))[: 4 * MAX_NODES]:
        told = object_of(row)
        if told is not None:
            found[str(told.get("id"))] = [str(told.get("origin_id")), told.get("origin_slot")]
        elif len(list_of(row)) >= 3:
            found[str(row[0])] = [str(row[1]), row[2]]
    return found


def _linked(row: Mapping[str, Any], links: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        str(one.get("name")): links[str(one.get("link"))]
        for one in objects_in(row.get("inputs"))
        if str(one.get("link")) in links
    }


def _through(link: list[Any], hands_on: Mapping[str, list[Any] | None]) -> list[Any]:
    for _ in range(MAX_DEPTH):
        onward = hands_on.get(link[0])
        if onward is None:
            break
        link = onward
    return link


def _widgets(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a node's widgets by their names; none of one that is bypassed."""
    if row.get("mode") == _BYPASSED:
        return {}
    named = object_of(row.get("widgets_values"))
    if named is not None:
        return dict(named)
    values = list_of(row.get("widgets_values"))
    names = [
        str(one.get("name"))
        for one in objects_in(row.get("inputs"))
        if object_of(one.get("widget"))
    ]
    table = _WIDGETS.get(str(row.get("type")))
    if table is not None:
        return {name: value for name, value in zip(table, values, strict=False) if name}
    found: dict[str, Any] = {}
    for name in names:
        if not values:
            break
        found[name] = values.pop(0)
        if "seed" in name and values and values[0] in _AFTER_SEED:
            values.pop(0)
    return found
