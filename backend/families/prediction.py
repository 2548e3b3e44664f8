"""What a single file's UNet predicts, which its shapes do not tell: marks and notes beside it.

The card's word comes before all of this (`inspect_original`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from backend.models.catalog.card import Prediction
from backend.models.catalog.safetensors_header import read_metadata

SIDECARS = (".json", ".yaml", ".yml")
SIDECAR_BYTES = 1 << 20
_NAMES: dict[str, Prediction] = {
    "v": "v_prediction",
    "v_prediction": "v_prediction",
    "vpred": "v_prediction",
    "eps": "epsilon",
    "epsilon": "epsilon",
    "sample": "sample",
}


@dataclass(frozen=True)
class Told:
    """What a file and its neighbours say; None where they say nothing.

    Attributes:
        prediction: What the UNet predicts.
        zero_snr: Whether the noise schedule ends in pure noise (2305.08891).
    """

    prediction: Prediction | None = None
    zero_snr: bool | None = None

    def before(self, other: Told) -> Told:
        """This word first, the other's where this one says nothing."""
        return Told(
            other.prediction if self.prediction is None else self.prediction,
            other.zero_snr if self.zero_snr is None else self.zero_snr,
        )


def told_by(path: Path, shapes: Mapping[str, object]) -> Told:
    """What the marker keys, the header's metadata and the files beside `path` say, in that order.

    Raises:
        ModelProblem: The file is damaged.
    """
    found = Told(
        "v_prediction" if "v_pred" in shapes else None, True if "ztsnr" in shapes else None
    )
    return found.before(_metadata(path)).before(_json(path)).before(_yaml(path))


def sidecar_times(path: Path) -> tuple[int, ...]:
    """Change times of the notes beside a checkpoint, ns; 0 where there is none."""
    return tuple(
        side.stat().st_mtime_ns if side.is_file() else 0
        for side in (path.with_suffix(suffix) for suffix in SIDECARS)
    )


def _metadata(path: Path) -> Told:
    notes = read_metadata(path)
    named = notes.get("modelspec.prediction_type", notes.get("modelspec.predict_key", ""))
    return Told(_NAMES.get(named.lower()))


def _json(path: Path) -> Told:
    """A scheduler's config under the checkpoint's name."""
    try:
        values = json.loads(_text(path.with_suffix(".json")) or "{}")
    except (ValueError, RecursionError):
        return Told()  # other tools keep notes of their own there
    if not isinstance(values, dict):
        return Told()
    values = cast("dict[str, Any]", values)
    named = str(values.get("prediction_type", values.get("parameterization", ""))).lower()
    zero = values.get("rescale_betas_zero_snr", values.get("zero_terminal_snr"))
    prediction = _NAMES.get(named)
    return Told(prediction, zero if isinstance(zero, bool) else None)


def _yaml(path: Path) -> Told:
    """A1111's config under the checkpoint's name; eps is the training code's default."""
    text = _text(path.with_suffix(".yaml")) or _text(path.with_suffix(".yml"))
    if not text:
        return Told()
    says_v = re.search(
        r"^[ \t]*parameterization:[ \t]*[\"']?v[\"']?[ \t]*(#.*)?$", text, re.MULTILINE
    )
    zero = re.search(
        r"^[ \t]*(?:zero_terminal_snr|rescale_betas_zero_snr|ztsnr):[ \t]*true\b",
        text,
        re.MULTILINE | re.IGNORECASE,
    )
    return Told("v_prediction" if says_v else "epsilon", True if zero else None)


def _text(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size < SIDECAR_BYTES:
            return path.read_text("utf-8", errors="replace")
    except OSError:
        pass
    return ""
