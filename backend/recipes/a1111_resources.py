"""Hashes in a `parameters` line, and Civitai's list of what it drew with."""

from __future__ import annotations

import json
from typing import Any

from backend.recipes.draft import Draft, LoraRow, number
from backend.recipes.readers.common import json_object, objects_in, stem

MAX_RESOURCES = 64


def hashes_of(pairs: dict[str, str]) -> dict[str, Any]:
    """Hashes of what the text names, under the names of our own records."""
    loras = _named_hashes(pairs.get("Lora hashes", ""))
    words = _named_hashes(pairs.get("TI hashes", ""))
    vae = pairs.get("VAE hash", "")
    every = json_object(pairs.get("Hashes")) or {}
    for key, value in list(every.items())[:MAX_RESOURCES]:
        kind, _, name = key.partition(":")
        if not isinstance(value, str):
            continue
        if kind == "vae":
            vae = vae or value
        elif kind in ("lora", "embed") and name:
            (loras if kind == "lora" else words).setdefault(name[:200], value[:64])
    return {"lora_hashes": loras, "embeddings": words, "vae_hash": vae[:64]}


def _of_address(air: Any) -> str:
    """The kind in urn:air:<base>:<kind>:<site>:<number>."""
    parts = str(air or "").split(":")
    return parts[3] if len(parts) > 3 else ""


def _named_hashes(text: str) -> dict[str, str]:
    pairs = (part.rpartition(":") for part in text.split(",")[:MAX_RESOURCES])
    return {name.strip()[:200]: value.strip()[:64] for name, _, value in pairs if name.strip()}


def take_resources(pairs: dict[str, str], draft: Draft) -> None:
    """Civitai's own generator names model and LoRAs in a list alone."""
    try:
        rows = json.loads(pairs.get("Civitai resources", "[]"))
    except (ValueError, RecursionError):
        draft.leave("Civitai resources", pairs["Civitai resources"])
        return
    loras = draft.loras
    named = {lora.name for lora in loras}
    for row in objects_in(rows)[:MAX_RESOURCES]:
        kind = str(row.get("type") or _of_address(row.get("air"))).lower()
        name = str(row.get("modelName") or "").strip()[:200]
        if not name:
            draft.leave("Civitai resource", json.dumps(row)[:200])
        elif kind == "checkpoint":
            if "model" not in draft.values:
                draft.put("model", name, "The model")
                draft.model["name"] = name
        elif kind in ("lora", "lycoris", "dora", "locon"):
            weight = number(float, row.get("weight", 1.0))
            if name not in named:
                loras.append(LoraRow(name, 1.0 if weight is None else weight))
                named.add(name)
        else:
            draft.leave(f"Civitai {kind or 'resource'}", name)
    draft.put_loras(loras)


def take_numbered(pairs: dict[str, str], draft: Draft) -> None:
    """Fooocus' `Lora 1: name : weight`, in A1111's words."""
    loras = draft.loras
    named = {lora.name for lora in loras}
    for key, text in pairs.items():
        name, _, weight = text.rpartition(":")
        strength = number(float, weight.strip())
        if is_numbered(key) and name.strip() and strength is not None:
            plain = stem(name.strip())
            loras += [] if plain in named else [LoraRow(plain, strength)]
            named.add(plain)
    draft.put_loras(loras)


def is_numbered(key: str) -> bool:
    """Whether a key is of such a LoRA."""
    return key.startswith("Lora ") and key[5:].isdigit()
