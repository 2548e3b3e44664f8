"""What there is to choose from, as far as folders and headers tell: no torch is needed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from backend.contracts.library import (
    EmbeddingEntry,
    HashedKind,
    Library,
    ModelEntry,
    UpscalerEntry,
    VaeEntry,
)
from backend.families.registry import FAMILIES
from backend.models.catalog.beside import picture_of
from backend.models.catalog.by_hash import auto_v1
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.folders import FOLDERS
from backend.models.family import Registry
from backend.models.text.embedding_header import header_of
from backend.sampling.samplers import ENTRIES


def first_look(folders: Sequence[Path], families: Registry = FAMILIES) -> Library:
    """Models and samplers, for a page that is built while the engine is still starting."""
    catalog = Catalog(folders, families)
    return Library(
        models=models_of(catalog),
        samplers=ENTRIES,
        vaes=vaes_of(catalog),
        embeddings=embeddings_of(catalog),
        upscalers=upscalers_of(catalog),
        aliases=aliases_of(catalog),
    )


def aliases_of(catalog: Catalog) -> dict[HashedKind, Mapping[str, str]]:
    """Names with folders, of what two files may share a name."""
    return {
        "model": catalog.aliases("checkpoint"),
        "lora": catalog.aliases("lora"),
        "vae": catalog.aliases("vae"),
    }


def models_of(catalog: Catalog) -> tuple[ModelEntry, ...]:
    """What `/options` and the page are told of each checkpoint."""
    infos = catalog.models("checkpoint")
    return tuple(replace(_summary(info), cascade=_cascade(info, infos)) for info in infos)


def _cascade(first: ModelInfo, infos: Sequence[ModelInfo]) -> tuple[str, ...]:
    """The stages after a model: those that lie beside it in a folder of their own.

    In the folder of all checkpoints only those that have it read their prompts; the smaller
    pictures come first.
    """
    if first.problem is not None or not first.anatomy.can.from_noise:
        return ()
    folder = first.path.parent
    together = FOLDERS.get(folder.name.lower()) != "checkpoint"
    later = [
        info
        for info in infos
        if info.problem is None
        and info.anatomy.can.enlarges is not None
        and info.path.parent == folder
        and (together or info.reader == first.name)
        and info.reader in ("", first.name)
    ]
    later.sort(key=lambda info: (info.anatomy.factor, max(info.native_size), info.name))
    return tuple(info.name for info in later)


def vaes_of(catalog: Catalog) -> tuple[VaeEntry, ...]:
    """What they are told of each separate autoencoder."""
    return tuple(VaeEntry(info.name, info.bytes, info.problem) for info in catalog.models("vae"))


def upscalers_of(catalog: Catalog) -> tuple[UpscalerEntry, ...]:
    """What they are told of each one-pass upscaler."""
    return tuple(
        UpscalerEntry(info.name, info.family, info.scale, info.bytes, info.problem)
        for info in catalog.models("upscaler")
    )


def embeddings_of(catalog: Catalog) -> tuple[EmbeddingEntry, ...]:
    """What they are told of each textual inversion."""
    widths = {
        info.name: info.anatomy.text_widths for info in catalog.models() if info.problem is None
    }
    found: list[EmbeddingEntry] = []
    for info in catalog.models("embedding"):
        header = None if info.problem else header_of(info.path, info.inside)
        found.append(
            EmbeddingEntry(
                info.name,
                info.family,
                info.bytes,
                0 if header is None else header.vectors,
                info.problem,
                tuple(
                    name
                    for name, width in widths.items()
                    if header is not None and header.widths == width
                ),
            )
        )
    return tuple(found)


def _summary(info: ModelInfo) -> ModelEntry:
    return ModelEntry(
        name=info.name,
        title=info.card.title or info.name,
        family=info.family,
        native_size=info.native_size,
        guidance_scale=info.guidance_scale,
        bytes=info.bytes,
        example_prompts=info.card.example_prompts,
        known_words=info.card.known_words,
        problem=info.problem,
        note=info.note,
        default=info.card.default,
        version=info.card.version,
        family_title=info.family_title,
        can=info.anatomy.can,
        sizes=info.anatomy.sizes,
        reader=info.reader,
        hash="" if info.problem else _short_hash(info.path),
        picture=picture_of(info.path) is not None,
        recommends=info.card.hires.settings,
    )


def _short_hash(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    return _hashed(path, status.st_size, status.st_mtime_ns) if path.is_file() else ""


@lru_cache(1024)
def _hashed(path: Path, size: int, written_ns: int) -> str:
    """Of a file as it was then."""
    return auto_v1(path)
