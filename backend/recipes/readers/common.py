"""What readers of foreign records share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

Texts = Mapping[str, str]
MAX_JSON_CHARS = 4 * 2**20
KOHYA_KEYS = (  # chunks of kohya's scripts, beside those that Easy Diffusion has too
    *("negative-prompt", "sampler", "steps", "scale", "negative-scale", "clip-prompt"),
    *("raw-prompt", "original-height", "original-width", "crop-top", "crop-left"),
)


def json_object(text: str | None) -> dict[str, Any] | None:
    """A JSON object out of a text, None where it is none; NaN passes, as ComfyUI writes it."""
    if not text or len(text) > MAX_JSON_CHARS or not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return object_of(value)


def object_of(value: Any) -> dict[str, Any] | None:
    """A JSON object, None for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def list_of(value: Any) -> list[Any]:
    """A JSON array, an empty one for anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The JSON objects in an array."""
    return [item for item in map(object_of, list_of(value)) if item is not None]


def text_of(value: Any) -> str | None:
    """A text, None for anything else."""
    return value if isinstance(value, str) else None


def stem(name: str) -> str:
    """A file's name as models are named here: its folders stay, its kind goes."""
    plain = name.replace("\\", "/")
    for kind in (".safetensors", ".ckpt", ".pt", ".sft"):
        plain = plain.removesuffix(kind)
    return plain
