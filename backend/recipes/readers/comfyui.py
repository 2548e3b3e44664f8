"""ComfyUI: the graph that ran (`prompt`), from its sampler back to texts, model and size."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from backend.recipes.a1111_names import sampler_and_schedule
from backend.recipes.draft import Draft
from backend.recipes.readers.common import (
    Texts,
    json_object,
    list_of,
    object_of,
    objects_in,
    stem,
    text_of,
)

TOOL = "ComfyUI"
MAX_NODES = 5000
MAX_DEPTH = 200
Nodes = Mapping[str, Mapping[str, Any]]
# How its nodes name what leads on.
_CONDITIONING = (
    *("conditioning", "conditioning_1", "conditioning_2", "conditioning_to", "positive", "base"),
)
_TEXT = ("text", "text_g", "text_l", "string", "value", "prompt", "wildcard_text", "positive")
_HALVES = (("string_a", "string_b"), ("text_a", "text_b"), ("text1", "text2"))
_MODEL = ("model", "model1", "basic_pipe", "guider")
_LATENT = ("samples", "latent_image", "latent", "pixels")


def read(texts: Texts) -> Draft | None:
    """The run of a picture's ComfyUI graph; also of one whose graph says nothing."""
    graph = json_object(texts.get("prompt"))
    has_workflow = bool(json_object(texts.get("workflow")))
    if (graph is None and not has_workflow) or texts.get("parameters", "").strip():
        return None  # where both are, A1111's text is the complete one
    nodes = _nodes(graph or {})
    draft = Draft(TOOL)
    if has_workflow:
        draft.unread["workflow"] = texts["workflow"]
    sampler = _sampler(nodes)
    if sampler is None:
        draft.notes.append("Its ComfyUI graph has no sampler that is known here.")
        return draft
    _take_sampler(draft, nodes, sampler)
    _take_model(draft, nodes, sampler)
    _take_size(draft, nodes, sampler)
    return draft


def under_parameters(texts: Texts) -> Draft | None:
    """A graph where other tools have their parameters, as Civitai's own generator writes it."""
    document = json_object(texts.get("parameters"))
    if document is None:
        return None
    inner = object_of(document.get("prompt"))
    graph = document if inner is None else inner
    return read({"prompt": json.dumps(graph)}) if _nodes(graph) else None


def _nodes(graph: Mapping[str, Any]) -> Nodes:
    return {
        str(name): node
        for name, node in ((key, object_of(one)) for key, one in list(graph.items())[:MAX_NODES])
        if node is not None
        and isinstance(node.get("class_type"), str)
        and isinstance(node.get("inputs"), dict)
    }


def _sampler(nodes: Nodes) -> Mapping[str, Any] | None:
    """The node that made the picture: of several samplers one that no other leads to.

    A second pass (hires) starts from the first one's latents.
    """
    samplers = [node for node in nodes.values() if "Sampler" in node["class_type"]]
    with_steps = [
        node for node in samplers if {"steps", "sigmas", "positive", "guider"} & set(node["inputs"])
    ]
    for node in with_steps:
        if not any(found in with_steps for found in _back(nodes, node, _LATENT)):
            return node
    return with_steps[0] if with_steps else None


def _linked(nodes: Nodes, value: Any) -> Mapping[str, Any] | None:
    """The node that a link [name, output] leads to."""
    link = list_of(value)
    if len(link) == 2 and isinstance(link[0], str | int):
        return nodes.get(str(link[0]))
    return None


def _back(
    nodes: Nodes, node: Mapping[str, Any], names: tuple[str, ...]
) -> Iterator[Mapping[str, Any]]:
    """The nodes behind one, along inputs of these names, each once."""
    seen: set[int] = {id(node)}
    waiting = [node]
    while waiting and len(seen) < MAX_NODES:
        current = waiting.pop()
        for name in names:
            found = _linked(nodes, current["inputs"].get(name))
            if found is not None and id(found) not in seen:
                seen.add(id(found))
                waiting.append(found)
                yield found


def _plain(nodes: Nodes, value: Any, names: tuple[str, ...], depth: int = 0) -> Any:
    """A value, followed through nodes that only hand it on."""
    while (node := _linked(nodes, value)) is not None:
        depth += 1
        if depth > MAX_DEPTH:
            return None
        if (joined := _joined(nodes, node, depth)) is not None:
            return joined
        value = next((node["inputs"][n] for n in names if n in node["inputs"]), None)
    return value


def _joined(nodes: Nodes, node: Mapping[str, Any], depth: int) -> str | None:
    """The words of a node that puts texts together; None for any other."""
    inputs = node["inputs"]
    keys = next((pair for pair in _HALVES if set(pair) <= set(inputs)), None)
    if keys is None:
        return None
    # Each half at half of what is left: chains of such nodes branch.
    depth += (MAX_DEPTH - depth) // 2 + 1
    halves = [_plain(nodes, inputs[key], _TEXT, depth) for key in keys]
    between = inputs.get("delimiter", inputs.get("separator", ""))
    words = [half for half in halves if isinstance(half, str)]
    return (between if isinstance(between, str) else "").join(words)


def _take_sampler(draft: Draft, nodes: Nodes, node: Mapping[str, Any]) -> None:
    inputs = dict(node["inputs"])
    # SamplerCustom(Advanced) has its parts in nodes of their own.
    for part in ("sigmas", "sampler", "noise", "guider"):
        linked = _linked(nodes, inputs.get(part))
        if linked is not None:
            inputs = {**linked["inputs"], **inputs}
    number_names = ("value", "int", "float", "number", "seed", "noise_seed")
    seed = inputs.get("seed", inputs.get("noise_seed"))
    draft.number("seed", int, _plain(nodes, seed, number_names), "seed")
    draft.number("steps", int, _plain(nodes, inputs.get("steps"), number_names), "steps")
    draft.number("guidance_scale", float, _plain(nodes, inputs.get("cfg"), number_names), "cfg")
    name = text_of(_plain(nodes, inputs.get("sampler_name"), ("sampler_name", "value")))
    if name:
        kind = text_of(_plain(nodes, inputs.get("scheduler"), ("scheduler", "value")))
        pair, note = sampler_and_schedule(name[:80], kind)
        for key, value in pair.items():
            draft.put(key, value, f"'sampler_name: {name}'")
        if note:
            draft.notes.append(note)
    denoise = _plain(nodes, inputs.get("denoise"), number_names)
    if isinstance(denoise, (int, float)) and denoise != 1:
        draft.leave("denoise", denoise)
    for field, key in (("prompt", "positive"), ("negative_prompt", "negative")):
        start = _linked(nodes, inputs.get(key, inputs.get("conditioning")))
        if start is not None and not (key == "negative" and key not in inputs):
            texts = list(_texts(nodes, start))
            if texts:
                draft.put(field, texts[0], f"The {key} prompt")
                for other in texts[1:]:
                    draft.leave(f"further {key} prompt", other)


def _texts(nodes: Nodes, start: Mapping[str, Any]) -> Iterator[str]:
    for node in (start, *_back(nodes, start, _CONDITIONING)):
        for name in _TEXT:
            if name in node["inputs"] and "onditioning" not in name:
                text = _plain(nodes, node["inputs"][name], _TEXT)
                if isinstance(text, str):
                    yield text
                    break


def _take_model(draft: Draft, nodes: Nodes, sampler: Mapping[str, Any]) -> None:
    loras: list[dict[str, Any]] = []
    for node in _back(nodes, sampler, _MODEL):
        inputs = node["inputs"]
        loras += _several(inputs)
        if lora := text_of(inputs.get("lora_name")):
            weight = _plain(nodes, inputs.get("strength_model"), ("value", "float"))
            loras.append({"name": stem(lora), "weight": weight})
        for key in ("ckpt_name", "unet_name"):
            if name := text_of(_plain(nodes, inputs.get(key), (key, "value"))):
                draft.put("model", stem(name), f"'{key}: {name}'")
                draft.model["name"] = stem(name)
    usable = [lora for lora in reversed(loras) if isinstance(lora["weight"], (int, float))]
    draft.put_loras(usable)


def _several(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a loader of several LoRAs that are on, the last first, as the chain is walked."""
    rows = [row for row in objects_in(list(inputs.values())) if row.get("on") is True]
    named = [(text_of(row.get("lora")), row.get("strength")) for row in rows]
    return [{"name": stem(name), "weight": weight} for name, weight in reversed(named) if name]


def _take_size(draft: Draft, nodes: Nodes, sampler: Mapping[str, Any]) -> None:
    for node in _back(nodes, sampler, _LATENT):
        inputs = node["inputs"]
        if "width" in inputs and "height" in inputs and "Empty" in node["class_type"]:
            for key in ("width", "height"):
                draft.number(key, int, _plain(nodes, inputs[key], ("value", "int", key)), key)
            return
    loaded = [n for n in _back(nodes, sampler, _LATENT) if n["class_type"].startswith("LoadImage")]
    if loaded:
        draft.leave("source picture", json.dumps(loaded[0]["inputs"].get("image"))[:200])
