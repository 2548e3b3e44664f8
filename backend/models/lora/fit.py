"""Which LoRAs fit which checkpoints, told from headers and configs alone: no weights are read."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from backend.models.catalog.catalog import ModelInfo
from backend.models.lora.file import FAMILY_NAMES, LoraInfo, inspect, misfit, modules_by_path

Skeleton = Mapping[str, Mapping[str, nn.Module]]


@dataclass
class _Model:
    """A checkpoint's parts without weights, and what was found of LoRAs against them."""

    stamp: int
    parts: Skeleton
    answers: dict[tuple[Path, tuple[int, int] | None], str | None] = field(default_factory=dict)


class LoraFits:
    """Answers from a cache that follows the files' sizes and dates."""

    def __init__(self) -> None:
        self._headers: dict[Path, tuple[tuple[int, int], LoraInfo]] = {}
        self._models: dict[Path, _Model] = {}
        self._lock = threading.Lock()

    def header(self, path: Path) -> LoraInfo:
        """What a LoRA file's header tells."""
        stat = path.stat()
        stamp = (stat.st_size, stat.st_mtime_ns)
        with self._lock:
            known = self._headers.get(path)
            if known is None or known[0] != stamp:
                known = self._headers[path] = (stamp, inspect(path))
            return known[1]

    def problem(self, lora: LoraInfo, model: ModelInfo) -> str | None:
        """Why a LoRA cannot be used with a checkpoint, one sentence; None if it can."""
        if lora.problem is not None:
            return lora.problem
        if lora.family and model.family and lora.family != model.family:
            made, this = (FAMILY_NAMES.get(name, name) for name in (lora.family, model.family))
            return f"It was made for {made}; this model is {this}."
        if not model.path.is_dir() or model.problem is not None:
            return None  # one file, or unusable: its layers are known once it is loaded
        known = self._model(model.path)
        stamp = self._headers[lora.path][0] if lora.path in self._headers else None
        if (lora.path, stamp) not in known.answers:
            known.answers[lora.path, stamp] = misfit(lora, known.parts)
        return known.answers[lora.path, stamp]

    def _model(self, folder: Path) -> _Model:
        stamp = (folder / "unet" / "config.json").stat().st_mtime_ns
        with self._lock:
            known = self._models.get(folder)
            if known is None or known.stamp != stamp:
                known = self._models[folder] = _Model(stamp, _build(folder))
            return known


def _build(folder: Path) -> Skeleton:
    """The checkpoint's parts without memory behind their weights."""
    config: dict[str, Any] = json.loads((folder / "unet" / "config.json").read_text("utf-8"))
    second = folder / "text_encoder_2"
    with torch.device("meta"):
        unet: Any = UNet2DConditionModel.from_config(config)
        parts: dict[str, nn.Module] = {
            "unet": unet,
            "text_encoder": CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder")),
        }
        if second.is_dir():
            parts["text_encoder_2"] = CLIPTextModelWithProjection(
                CLIPTextConfig.from_pretrained(second)
            )
    return {name: modules_by_path(part) for name, part in parts.items()}
