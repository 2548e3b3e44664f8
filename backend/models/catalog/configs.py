"""Configs of model folders."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from backend.contracts.errors import ModelProblem


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object of a model folder.

    Raises:
        ModelProblem: It is missing, unreadable or not an object.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelProblem(f"The file {name} is missing.") from None
    except (OSError, ValueError, RecursionError):
        raise ModelProblem(f"The file {name} is damaged: it is not readable as JSON.") from None
    if not isinstance(value, dict):
        raise ModelProblem(f"The file {name} is damaged: it does not hold a JSON object.")
    return cast("dict[str, Any]", value)


def read_config(path: Path) -> dict[str, Any]:
    """Reads a JSON object of a model folder, again only when the file has changed.

    Raises:
        ModelProblem: It is missing, unreadable or not an object.
    """
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError:
        return read_json(path)  # says which file is missing
    return deepcopy(_read(path, changed_ns))


@lru_cache(maxsize=256)
def _read(path: Path, changed_ns: int) -> dict[str, Any]:
    return read_json(path)
