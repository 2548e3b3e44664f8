"""ComfyUI: the graph that ran (`prompt`), from its sampler back to texts, model and size.

Where a file holds the page's `workflow` alone, that is read as the graph it would run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from backend.recipes.a1111_names import sampler_and_schedule
from backend.recipes.draft import Draft, LoraRow
from backend.recipes.readers.comfyui_walk import (
    LATENT,
    MODEL,
    NUMBERS,
    PIPES,
    Node,
    Nodes,
    back,
    behind,
    encoders,
    linked,
    nodes_of,
    plain,
)
from backend.recipes.readers.comfyui_workflow import graph_of
from backend.recipes.readers.common import (
    Texts,
    json_object,
    object_of,
    objects_in,
    stem,
    text_of,
)

TOOL = "ComfyUI"
MAX_PASSES = 40  # one after the other, of which the first is looked for
_STARTS = {"steps", "sigmas", "positive", "guider", *PIPES}
# Parts of a sampler that are nodes of their own, told by their class.
_SIGMAS = {
    "KarrasScheduler": "karras",
    "ExponentialScheduler": "exponential",
    "PolyexponentialScheduler": "exponential",
    "AlignYourStepsScheduler": "align your steps",
    "SDTurboScheduler": "sgm_uniform",
}
_SAMPLERS = {
    "SamplerEulerAncestral": "euler_ancestral",
    "SamplerDPMPP_SDE": "dpmpp_sde",
    "SamplerDPMPP_2M_SDE": "dpmpp_2m_sde",
    "SamplerDPMPP_3M_SDE": "dpmpp_3m_sde",
    "SamplerDPMPP_2S_Ancestral": "dpmpp_2s_ancestral",
}
_NUMBERED = re.compile(r"lora_(?:name_)?(\d{1,3})(?:_name)?")
_WEIGHTS = (
    *("strength_{0}", "model_weight_{0}", "lora_wt_{0}", "model_str_{0}"),
    *("lora_{0}_strength", "lora_{0}_model_strength"),
)
_NO_FILE = ("", "none", "baked vae")


def read(texts: Texts) -> Draft | None:
    """The run of a picture's ComfyUI graph; also of one whose graph says nothing."""
    graph, workflow = json_object(texts.get("prompt")), json_object(texts.get("workflow"))
    if (graph is None and not workflow) or texts.get("parameters", "").strip():
        return None  # where both are, A1111's text is the complete one
    nodes = nodes_of(graph or graph_of(workflow or {}))
    draft = Draft(TOOL)
    if workflow:
        draft.unread["workflow"] = texts["workflow"]
    sampler = _sampler(nodes)
    if sampler is None:
        draft.notes.append("Its ComfyUI graph has no sampler that is known here.")
        return draft
    inputs = _inputs(nodes, sampler)
    _take_numbers(draft, nodes, inputs)
    _take_sampler(draft, nodes, inputs)
    for field, side in (("prompt", "positive"), ("negative_prompt", "negative")):
        _take_text(draft, nodes, inputs, field, side)
    _take_model(draft, nodes, sampler)
    _take_autoencoder(draft, nodes)
    _take_size(draft, nodes, sampler)
    return draft


def under_parameters(texts: Texts) -> Draft | None:
    """A graph where other tools have their parameters, as Civitai's own generator writes it."""
    document = json_object(texts.get("parameters"))
    if document is None:
        return None
    inner = object_of(document.get("prompt"))
    graph = document if inner is None else inner
    return read({"prompt": json.dumps(graph)}) if nodes_of(graph) else None


def _sampler(nodes: Nodes) -> Node | None:
    """The node that made the picture: of several samplers one that no other leads to.

    A second pass (hires) starts from the first one's latents.
    """
    samplers = [
        node
        for node in nodes.values()
        if ("Sampler" in node["class_type"] and _STARTS & set(node["inputs"]))
        or {"steps", "cfg", "sampler_name"} <= set(node["inputs"])
    ]
    known = set(map(id, samplers))
    first = samplers[0] if samplers else None
    for _ in range(MAX_PASSES if first else 0):
        assert first is not None
        before = next((n for n in back(nodes, first, LATENT) if id(n) in known), None)
        if before is None:
            break
        first = before
    return first


def _inputs(nodes: Nodes, node: Node) -> dict[str, Any]:
    """A sampler's, with those of its parts that are nodes of their own."""
    inputs = dict(node["inputs"])
    for part in ("sigmas", "sampler", "noise", "guider"):
        found = linked(nodes, inputs.get(part))
        if found is None:
            continue
        kind = found["class_type"]
        told = {"scheduler": _SIGMAS.get(kind), "sampler_name": _SAMPLERS.get(kind)}
        known = {key: value for key, value in told.items() if value}
        inputs = {**known, **found["inputs"], **inputs}
    for found in back(nodes, node, PIPES):
        inputs = {**found["inputs"], **inputs}
    return inputs


def _take_numbers(draft: Draft, nodes: Nodes, inputs: Mapping[str, Any]) -> None:
    seed = inputs.get("seed", inputs.get("noise_seed"))
    draft.number("seed", int, plain(nodes, seed, NUMBERS), "seed")
    draft.number("steps", int, plain(nodes, inputs.get("steps"), NUMBERS), "steps")
    draft.number("guidance_scale", float, plain(nodes, inputs.get("cfg"), NUMBERS), "cfg")
    denoise = plain(nodes, inputs.get("denoise"), NUMBERS)
    if isinstance(denoise, (int, float)) and denoise != 1:
        draft.leave("denoise", denoise)


def _take_sampler(draft: Draft, nodes: Nodes, inputs: Mapping[str, Any]) -> None:
    name = text_of(plain(nodes, inputs.get("sampler_name"), ("sampler_name", "value")))
    if name:
        kind = text_of(plain(nodes, inputs.get("scheduler"), ("scheduler", "value")))
        pair, note = sampler_and_schedule(name[:80], kind)
        for key, value in pair.items():
            draft.put(key, value, f"'sampler_name: {name}'")
        if note:
            draft.notes.append(note)


def _take_text(
    draft: Draft, nodes: Nodes, inputs: Mapping[str, Any], field: str, side: str
) -> None:
    start = inputs.get(side, inputs.get("conditioning") if side == "positive" else None)
    texts: list[str] = []
    way: list[Node] = []
    for node, words in encoders(nodes, start, side):
        texts += words
        way.append(node)
        guidance = plain(nodes, node["inputs"].get("guidance"), NUMBERS)
        if side == "positive" and "distilled_guidance" not in draft.values:
            draft.number("distilled_guidance", float, guidance, "guidance")
    for layer in (*way, *behind(nodes, way, ("clip",))):
        skipped = layer["inputs"].get("stop_at_clip_layer", layer["inputs"].get("clip_skip"))
        if isinstance(skipped, int) and skipped < -1 and "clip_skip" not in draft.values:
            draft.put("clip_skip", -skipped, f"'stop_at_clip_layer: {skipped}'")
    texts = list(dict.fromkeys(texts))
    if texts:
        draft.put(field, texts[0], f"The {side} prompt")
    for number, other in enumerate(texts[1:], 2):
        draft.leave(f"further {side} prompt{f' {number}' if number > 2 else ''}", other)


def _take_model(draft: Draft, nodes: Nodes, sampler: Node) -> None:
    loras: list[LoraRow] = []
    for node in back(nodes, sampler, MODEL):
        inputs = node["inputs"]
        loras += _several(inputs)
        if _is_file(lora := text_of(inputs.get("lora_name"))):
            weight = inputs.get("strength_model", inputs.get("lora_model_strength", 1.0))
            told = plain(nodes, weight, ("value", "float"))
            loras.append(LoraRow(stem(lora or ""), told))
        for key in ("ckpt_name", "unet_name"):
            name = text_of(plain(nodes, inputs.get(key), (key, "value")))
            if name and "model" not in draft.values:
                draft.put("model", stem(name), f"'{key}: {name}'")
                draft.model["name"] = stem(name)
    usable = [lora for lora in reversed(loras) if isinstance(lora.weight, int | float)]
    draft.put_loras(usable)


def _several(inputs: Mapping[str, Any]) -> list[LoraRow]:
    """The rows of a loader of several LoRAs that are on, the last first, as the chain is walked."""
    rows = [row for row in objects_in(list(inputs.values())) if row.get("on") is True]
    named = [(text_of(row.get("lora")), row.get("strength")) for row in rows]
    most = inputs.get("lora_count", 999)
    for key, value in inputs.items():
        found = _NUMBERED.fullmatch(key)
        if found is None or not _is_file(text_of(value)):
            continue
        off = str(inputs.get(f"switch_{found[1]}", "On")).lower() == "off"
        if off or (isinstance(most, int) and int(found[1]) > most):
            continue
        keys = (way.format(found[1]) for way in _WEIGHTS)
        named.append((text_of(value), next((inputs[k] for k in keys if k in inputs), 1.0)))
    return [LoraRow(stem(name), weight) for name, weight in reversed(named) if name]


def _is_file(name: str | None) -> bool:
    return name is not None and name.strip().lower() not in _NO_FILE


def _take_autoencoder(draft: Draft, nodes: Nodes) -> None:
    """The one that decodes, where it is loaded by itself."""
    for node in nodes.values():
        if not node["class_type"].startswith("VAEDecode"):
            continue
        loader = linked(nodes, node["inputs"].get("vae"))
        name = text_of((loader or {"inputs": {}})["inputs"].get("vae_name"))
        if _is_file(name):
            draft.put("vae", stem(name or ""), f"'vae_name: {name}'")
            return


def _take_size(draft: Draft, nodes: Nodes, sampler: Node) -> None:
    for node in back(nodes, sampler, LATENT):
        inputs = node["inputs"]
        for before in ("", "empty_latent_"):
            keys = (f"{before}width", f"{before}height")
            sides = [plain(nodes, inputs.get(k), ("value", "int", k)) for k in keys]
            if all(isinstance(side, (int, float)) for side in sides):
                for field, side in zip(("width", "height"), sides, strict=True):
                    draft.number(field, int, side, field)
                return
    loaded = [n for n in back(nodes, sampler, LATENT) if n["class_type"].startswith("LoadImage")]
    if loaded:
        draft.leave("source picture", json.dumps(loaded[0]["inputs"].get("image"))[:200])
