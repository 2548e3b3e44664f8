"""What trainers write beside a LoRA's weights: trigger words, base model, scales.

Understood: our own trainer's, kohya's (`ss_*`), Stability's model spec (`modelspec.*`), diffusers'
`lora_adapter_metadata`, and PEFT's adapter_config.json beside the file. Metadata is a stranger's
text: whatever does not parse is as good as absent.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from backend.contracts.errors import ModelProblem

MAX_WORDS = 12
MAX_WORD_CHARS = 200


@dataclass(frozen=True)
class Metadata:
    """Parsed metadata.

    Attributes:
        trigger_words: Words that bring the LoRA out, most frequent first.
        base_hash: Hash of the model it was made on, as its trainer wrote it; "" if unknown.
        base_name: Name of that model; "" if unknown.
        base_version: Version of that model, as its card says; "" if unknown.
        architecture: What its trainer called the base's, in lower case; "" if unknown.
        configs: PEFT settings by part ("unet", "text_encoder"), which hold the alphas of files
            without alpha tensors.
    """

    trigger_words: tuple[str, ...] = ()
    base_hash: str = ""
    base_name: str = ""
    base_version: str = ""
    architecture: str = ""
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    @property
    def is_dora(self) -> bool:
        """Whether its settings say that it has magnitudes."""
        return any(bool(config.get("use_dora")) for config in self.configs.values())

    def scale(self, module: str, rank: int, alpha: float | None) -> float:
        """The factor on B A at weight 1: alpha / r, or alpha / sqrt(r) for rank-stabilised ones.

        Args:
            module: Part and path.
            rank: r of this layer.
            alpha: From an alpha tensor; it goes before the settings. Without any, alpha is r.
        """
        part, _, path = module.partition(".")
        config = self.configs.get(part, {})
        if alpha is None:
            alpha = _by_pattern(config.get("alpha_pattern"), path)
            alpha = config.get("lora_alpha", rank) if alpha is None else alpha
        if not isinstance(alpha, (int, float)) or not math.isfinite(alpha):
            raise ModelProblem(f"Its layer '{module[:120]}' has a scale that is not a number.")
        return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def read_metadata(raw: Mapping[str, str], path: Path) -> Metadata:
    """Parses a header's metadata.

    Args:
        raw: Key and text, as safetensors keeps them.
        path: The file; PEFT keeps its settings beside it.

    """
    configs = _configs(raw, path)
    return Metadata(
        trigger_words=_words(raw),
        base_hash=_first(raw, "base_hash", "ss_new_sd_model_hash", "ss_sd_model_hash"),
        base_name=_first(raw, "base_name", "ss_sd_model_name"),
        base_version=_first(raw, "base_version"),
        architecture=_first(raw, "modelspec.architecture", "ss_base_model_version").lower(),
        configs=configs,
    )


def _by_pattern(patterns: Any, path: str) -> Any:
    """The value whose key ends the path, or is all of it with "^" in front.

    PEFT takes the keys for regular expressions; a stranger's expression is not run here.
    """
    for key, value in _named(patterns).items():
        whole = key.removeprefix("^").removesuffix("$")
        if path == whole or (not key.startswith("^") and path.endswith(f".{whole}")):
            return value
    return None


def _configs(raw: Mapping[str, str], path: Path) -> dict[str, dict[str, Any]]:
    flat = _object(raw.get("lora_adapter_metadata"))
    configs: dict[str, dict[str, Any]] = {}
    for key, value in flat.items():
        part, _, name = key.partition(".")
        configs.setdefault(part, {})[name] = value
    if not configs and path.name == "adapter_model.safetensors":
        try:
            beside = _object((path.parent / "adapter_config.json").read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            beside = {}
        configs = {part: beside for part in ("unet", "text_encoder") if beside}
    return configs


def _words(raw: Mapping[str, str]) -> tuple[str, ...]:
    written = _json(raw.get("trigger_words"))
    if isinstance(written, list):
        given = cast(list[object], written)
        words = [word for word in given if isinstance(word, str)]
    elif phrase := raw.get("modelspec.trigger_phrase"):
        words = phrase.split(",")
    else:
        counts: Counter[str] = Counter()
        for tags in _object(raw.get("ss_tag_frequency")).values():
            found = _named(tags).items()
            counts.update({str(tag): count for tag, count in found if isinstance(count, int)})
        words = [tag for tag, _ in counts.most_common(MAX_WORDS)]
    tidy = (word.strip()[:MAX_WORD_CHARS] for word in words)
    return tuple(dict.fromkeys(word for word in tidy if word))[:MAX_WORDS]


def _first(raw: Mapping[str, str], *keys: str) -> str:
    return next((raw[key][:MAX_WORD_CHARS] for key in keys if raw.get(key)), "")


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _object(text: str | None) -> dict[str, Any]:
    """A JSON object; an empty one where there is none."""
    return _named(_json(text))


def _named(value: object) -> dict[str, Any]:
    """A JSON object as it is, and an empty one for anything else."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
