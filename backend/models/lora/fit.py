"""Which LoRAs fit which checkpoints, told from headers and configs alone: no weights are read."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from backend.models.catalog.entry import ModelInfo
from backend.models.family import Registry
from backend.models.lora.file import LoraInfo, inspect, misfit, modules_by_path

Skeleton = Mapping[str, Mapping[str, nn.Module]]


@dataclass
class _Model:
    """A checkpoint's parts without weights, and what was found of LoRAs against them."""

    stamp: int
    parts: Skeleton
    answers: dict[tuple[Path, tuple[int, int] | None], str | None] = field(
        default_factory=dict[tuple[Path, tuple[int, int] | None], str | None]
    )


class LoraFits:
    """Answers from a cache that follows the files' sizes and dates."""

    def __init__(self, families: Registry) -> None:
        """`families`: Who knows the modules of a model."""
        self._families = families
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
        if (version := model.card.misfit(lora.metadata.base_version)) is not None:
            return version
        made = self._families.kin(lora.traits)
        if made.name and model.family and made.name != model.family:
            this = model.family_title or "of another kind"
            return f"It was made for {made.title}; this model is {this}."
        known = None if model.problem is not None else self._model(model)
        if known is None:
            return None  # its layers are known once it is loaded
        stamp = self._headers[lora.path][0] if lora.path in self._headers else None
        if (lora.path, stamp) not in known.answers:
            known.answers[lora.path, stamp] = misfit(lora, known.parts)
        return known.answers[lora.path, stamp]

    def _model(self, model: ModelInfo) -> _Model | None:
        beside = [weights.parent / "config.json" for weights in model.weights]
        stamp = max((path.stat().st_mtime_ns for path in beside if path.is_file()), default=0)
        with self._lock:
            known = self._models.get(model.path)
            if known is not None and known.stamp == stamp:
                return known
            parts = self._families.skeleton(model)
            if parts is None:
                return None
            paths = {name: modules_by_path(part) for name, part in parts.items()}
            known = self._models[model.path] = _Model(stamp, paths)
            return known
