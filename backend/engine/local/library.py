"""What there is to choose from, as far as folders and headers tell: no torch is needed for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.contracts.errors import ModelProblem
from backend.contracts.settings import SCHEDULES_OF
from backend.engine.jobs.protocol import Library
from backend.models.catalog.catalog import Catalog, ModelInfo
from backend.models.catalog.configs import text_widths
from backend.models.text.embedding_header import header_of


def first_look(folders: Sequence[Path]) -> Library:
    """Models and samplers, for a page that is built while the engine is still starting."""
    catalog = Catalog(folders)
    return Library(
        models=models_of(catalog),
        samplers=samplers(),
        vaes=vaes_of(catalog),
        embeddings=embeddings_of(catalog),
    )


def models_of(catalog: Catalog) -> tuple[dict[str, Any], ...]:
    """What `/options` and the page are told of each checkpoint."""
    return tuple(_summary(info) for info in catalog.models("checkpoint"))


def vaes_of(catalog: Catalog) -> tuple[dict[str, Any], ...]:
    """What they are told of each separate autoencoder."""
    return tuple(
        {"name": info.name, "bytes": info.bytes, "problem": info.problem}
        for info in catalog.models("vae")
    )


def embeddings_of(catalog: Catalog) -> tuple[dict[str, Any], ...]:
    """What they are told of each textual inversion."""
    widths = {info.name: _widths(info) for info in catalog.models() if info.problem is None}
    found: list[dict[str, Any]] = []
    for info in catalog.models("embedding"):
        header = None if info.problem else header_of(info.path)
        found.append(
            {
                "name": info.name,
                "family": info.family,
                "bytes": info.bytes,
                "vectors": 0 if header is None else header.vectors,
                "problem": info.problem,
                "fits": [
                    name
                    for name, width in widths.items()
                    if header is not None and header.widths == width
                ],
            }
        )
    return tuple(found)


def _widths(info: ModelInfo) -> tuple[int, ...]:
    try:
        return text_widths(info)
    except ModelProblem:
        return ()


def samplers() -> dict[str, tuple[str, ...]]:
    """Sampler -> its schedules."""
    return {name: tuple(schedules) for name, schedules in SCHEDULES_OF.items()}


def _summary(info: ModelInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "title": info.card.title or info.name,
        "family": info.family,
        "native_size": list(info.native_size),
        "guidance_scale": info.card.guidance_scale,
        "bytes": info.bytes,
        "example_prompts": list(info.card.example_prompts),
        "known_words": list(info.card.known_words),
        "problem": info.problem,
        "note": info.note,
    }
