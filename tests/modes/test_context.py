"""A job's surroundings, where a caller gives only what is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from backend.models.autoencoder.posterior import PosteriorCache
from backend.modes.context import Context


def made(**values: Any) -> Context:
    needed = dict.fromkeys(("models", "check", "report", "steps", "branches", "lora"))
    return Context(**(needed | {"posteriors": PosteriorCache()} | values))


def test_two_jobs_share_nothing_that_they_were_not_given() -> None:
    first, second = made(), made()
    first.interludes.append(lambda: None)  # type: ignore[arg-type, return-value]
    first.ends.put("a", torch.zeros(1))
    assert second.interludes == []
    assert second.ends.get("a", torch.Tensor) is None


def test_nobody_need_listen() -> None:
    assert made().inform({"share": 1.0}) is None
    assert made().changed_files() is None
    assert made().lora_folder == Path("models/loras")


def test_whoever_listens_is_told() -> None:
    told = list[dict[str, Any]]()
    made(inform=told.append).inform({"share": 1.0})
    assert told == [{"share": 1.0}]
