"""Catalog: which models lie in the models folders.

Both naming habits are accepted (`checkpoints` or `Stable-diffusion`, `loras` or `Lora`, ...).
A model that cannot be used is listed with the reason: hiding it would leave its owner guessing.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from backend.contracts.errors import ModelProblem, UnknownName
from backend.contracts.library import unknown
from backend.models.catalog.card import Card, read_card
from backend.models.catalog.compvis import vae_config
from backend.models.catalog.configs import read_json
from backend.models.catalog.hub import is_hub, snapshots
from backend.models.catalog.safetensors_header import (
    PICKLE_SUFFIXES,
    is_safetensors_name,
    read_shapes,
)
from backend.models.catalog.widths import family_of, family_of_width
from backend.models.control.controlnet_file import controlnet_config
from backend.models.family import Anatomy, Findings, Registry
from backend.models.text.embedding_header import inspect_embedding
from backend.models.upscaler.header import upscaler_kind

Kind = Literal["checkpoint", "lora", "controlnet", "vae", "tiny_decoder", "embedding", "upscaler"]

FOLDERS: dict[str, Kind] = {
    "checkpoints": "checkpoint",
    "stable-diffusion": "checkpoint",
    "loras": "lora",
    "lora": "lora",
    "controlnet": "controlnet",
    "vae": "vae",
    "vae_approx": "tiny_decoder",
    "vae-approx": "tiny_decoder",
    "embeddings": "embedding",
    "embedding": "embedding",
    "upscalers": "upscaler",
    "upscale_models": "upscaler",
    "esrgan": "upscaler",
    "realesrgan": "upscaler",
    "swinir": "upscaler",
    "dat": "upscaler",
}
CONFIG_CLASSES: dict[str, Kind] = {
    "ControlNetModel": "controlnet",
    "AutoencoderKL": "vae",
    "AutoencoderTiny": "tiny_decoder",
}
MAX_DEPTH = 4
# Stems that libraries write; the folder's name says what it is.
NAMELESS = {"adapter_model", "pytorch_lora_weights", "diffusion_pytorch_model", "model"}
HASHED_PARTS = ("vae", "text_encoder", "text_encoder_2")
NO_SIZE = (512, 512)  # of what draws nothing by itself
VAE_BESIDE = ".vae.safetensors"  # A1111's name for an autoencoder among the checkpoints


@dataclass(frozen=True)
class ModelInfo:
    """One entry of the catalog.

    Attributes:
        name: What settings call it: the path's stem, with its folders where two files of a root
            share that, or the folder's name where the stem says nothing.
        path: Diffusers folder or .safetensors file.
        kind: What it is.
        family: sd1, sd2, sdxl, ..., an upscaler's architecture, or "" where unknown.
        bytes: Size of its weight files.
        card: Its card, or the defaults.
        native_size: (width, height) in px: the card's, else the config's.
        weights: The files that `content_hash` covers.
        problem: Why it cannot be used; None if it can.
        note: Something to know that does not stop its use, e.g. a damaged card.
        recognised_by: Name of the family that knows a checkpoint; "" of others.
        family_title: How a person calls its family; "" shows none.
        anatomy: Of a checkpoint.
        scale: Of an upscaler: what it multiplies both sides by; 0 where only loading tells.
        reader: Name of the model that reads its prompts; "" where it does so itself.
    """

    name: str
    path: Path
    kind: Kind
    family: str = ""
    bytes: int = 0
    card: Card = field(default_factory=Card)
    native_size: tuple[int, int] = (512, 512)
    weights: tuple[Path, ...] = ()
    problem: str | None = None
    note: str | None = None
    recognised_by: str = ""
    family_title: str = ""
    anatomy: Anatomy = field(default_factory=Anatomy)
    scale: int = 0
    reader: str = ""

    @property
    def guidance_scale(self) -> float:
        """What its card recommends; 1, which is none, where it has no guidance."""
        if self.anatomy.can.guidance == "none":
            return 1.0
        own = self.anatomy.guidance_scale
        silent = own is not None and "guidance_scale" not in self.card.model_fields_set
        return own if own is not None and silent else self.card.guidance_scale


class Catalog:
    """Models of several root folders; the first root wins where a name occurs twice."""

    def __init__(self, roots: Sequence[Path], families: Registry) -> None:
        """Scans `roots`; folders that do not exist are passed over.

        Args:
            roots: Folders of models, or hub caches.
            families: Who knows checkpoints.
        """
        self._roots = tuple(Path(root) for root in roots)
        self._families = families
        self._lock = threading.Lock()
        self._entries: dict[tuple[Kind, str], ModelInfo] = {}
        self._aliases: dict[tuple[Kind, str], str] = {}
        self._learned: dict[tuple[Path, int], tuple[ModelInfo, ModelInfo]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Scans again; readers see the old list or the new one, never a mixture."""
        entries: dict[tuple[Kind, str], ModelInfo] = {}
        aliases: dict[tuple[Kind, str], str] = {}
        for root in self._roots:
            for key, info in self._of_root(root, aliases).items():
                known = entries.get(key)
                if known is None or (known.problem and not info.problem):
                    entries[key] = info
        entries = _with_readers(entries)
        with self._lock:
            self._entries, self._aliases = entries, aliases

    def _of_root(
        self, root: Path, aliases: dict[tuple[Kind, str], str]
    ) -> dict[tuple[Kind, str], ModelInfo]:
        """A root's entries by kind and name; further names for them go into `aliases`."""
        if is_hub(root):
            return self._of_hub(root)
        here: dict[tuple[Kind, str], ModelInfo] = {}
        for folder, path, kind in _candidates(root):
            info = _describe(path, kind, self._families)
            whole = path.relative_to(folder).with_name(info.name).as_posix()
            name = info.name
            if name in NAMELESS and path.parent != folder:
                name = path.parent.relative_to(folder).as_posix()
                aliases.setdefault((info.kind, info.name), name)
            known = here.get((info.kind, name))
            if known is not None and not (known.problem and not info.problem):
                name = whole
            here[info.kind, name] = self._with_learned(replace(info, name=name))
            aliases.setdefault((info.kind, whole), name)
        return here

    def _of_hub(self, root: Path) -> dict[tuple[Kind, str], ModelInfo]:
        """What is whole in a hub's cache; what else lies there is not for this studio."""
        here: dict[tuple[Kind, str], ModelInfo] = {}
        for name, path in snapshots(root):
            if not _is_model_folder(path):
                continue
            info = _describe(path, _kind_of(path), self._families)
            if info.problem is None:
                here[info.kind, name] = self._with_learned(replace(info, name=name))
        return here

    def learn(self, info: ModelInfo) -> None:
        """Takes over what loading found out about an entry, until its file or card changes."""
        with self._lock:
            known = self._entries.get((info.kind, info.name))
            if known is None or known.path != info.path or known == info:
                return
            self._learned[info.path, info.path.stat().st_mtime_ns] = known, info
            self._entries[info.kind, info.name] = info

    def _with_learned(self, info: ModelInfo) -> ModelInfo:
        if not self._learned or not info.path.exists():
            return info
        before, after = self._learned.get((info.path, info.path.stat().st_mtime_ns), (info, info))
        return after if before == info else info

    @property
    def families(self) -> Registry:
        """Who knows its checkpoints."""
        return self._families

    @property
    def lora_folder(self) -> Path:
        """Where new LoRAs go: below the last root, which is a person's own where there are two."""
        root = self._roots[-1]
        known = [
            folder
            for folder in _listing(root)
            if FOLDERS.get(folder.name.lower()) == "lora" and folder.is_dir()
        ]
        return known[0] if known else root / "loras"

    def models(self, kind: Kind = "checkpoint") -> tuple[ModelInfo, ...]:
        """All entries of a kind, by name, those with a problem included."""
        with self._lock:
            found = [info for info in self._entries.values() if info.kind == kind]
        return tuple(sorted(found, key=lambda info: info.name.lower()))

    def checkpoint(self, name: str) -> ModelInfo:
        """The checkpoint `name`, usable; "" is the default one.

        Raises:
            UnknownName: There is none; near matches are named.
            ModelProblem: It is there but cannot be used.
        """
        return self.find("checkpoint", name or self.default)

    @property
    def default(self) -> str:
        """The checkpoint whose card says that the studio opens on it, else the first usable one.

        "" where there is none.
        """
        usable = [info for info in self.models() if info.problem is None]
        chosen = [info for info in usable if info.card.default] or usable
        return chosen[0].name if chosen else ""

    def find(self, kind: Kind, name: str) -> ModelInfo:
        """The entry `name` of `kind`, usable, by its name or with its folders; see `checkpoint`."""
        with self._lock:
            info = self._entries.get((kind, name))
            if info is None:
                info = self._entries.get((kind, self._aliases.get((kind, name), "")))
        if info is None:
            raise self._unknown(kind, name)
        if info.problem is not None:
            raise ModelProblem(f"The {_words(kind)} '{name}' cannot be used. {info.problem}")
        return info

    def tiny_decoder(self, name: str) -> ModelInfo | None:
        """The tiny decoder `name`; None if it is not installed, or cannot be used."""
        usable = [info for info in self.models("tiny_decoder") if info.problem is None]
        return next((info for info in usable if info.name.lower() == name), None)

    def _unknown(self, kind: Kind, name: str) -> UnknownName:
        at_fault = "model" if kind == "checkpoint" else None
        return unknown(_words(kind), name, (info.name for info in self.models(kind)), at_fault)


def _with_readers(entries: dict[tuple[Kind, str], ModelInfo]) -> dict[tuple[Kind, str], ModelInfo]:
    """With the names of those who read prompts for others; names are known once all are found."""
    names = {info.path: info.name for info in entries.values() if info.kind == "checkpoint"}
    return {
        key: info
        if info.anatomy.reader is None
        else replace(info, reader=names.get(info.anatomy.reader, ""))
        for key, info in entries.items()
    }


def content_hash(info: ModelInfo) -> str:
    """First 10 hex digits of the SHA-256 of the weights, as A1111 prints it.

    Of a single file, or of the UNet's file (its shards in order). Computed when first asked for
    and remembered until a file's size or time changes.
    """
    stats = [(path, path.stat()) for path in info.weights]
    key = tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
    return _sha256(key)[:10]


def part_hashes(info: ModelInfo) -> dict[str, str]:
    """First 10 hex digits of the SHA-256 of the weights beside the UNet's, by part.

    Empty for a single file, which `content_hash` covers whole. Remembered as that is.
    """
    if not info.path.is_dir():
        return {}
    found: dict[str, str] = {}
    for part in HASHED_PARTS:
        stats = [(path, path.stat()) for path in sorted((info.path / part).glob("*.safetensors"))]
        if stats:
            key = tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
            found[part] = _sha256(key)[:10]
    return found


@lru_cache(maxsize=1024)
def _sha256(files: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in files:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _words(kind: Kind) -> str:
    return {
        "checkpoint": "model",
        "lora": "LoRA",
        "controlnet": "ControlNet",
        "vae": "autoencoder",
        "tiny_decoder": "tiny decoder",
        "embedding": "embedding",
        "upscaler": "upscaler",
    }[kind]


def _candidates(root: Path) -> Iterator[tuple[Path, Path, Kind]]:
    """All that looks like a model below the known folders of a root: folder, path and kind."""
    for folder in _listing(root):
        kind = FOLDERS.get(folder.name.lower())
        if kind is not None and folder.is_dir():
            for path in _walk(folder, MAX_DEPTH):
                beside = kind == "checkpoint" and path.name.lower().endswith(VAE_BESIDE)
                yield folder, path, "vae" if beside else kind


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for path in _listing(folder):
        if path.is_dir():
            if _is_model_folder(path):
                yield path
            elif depth > 1:
                yield from _walk(path, depth - 1)
        elif is_safetensors_name(path) or path.suffix.lower() in PICKLE_SUFFIXES:
            yield path


def _kind_of(path: Path) -> Kind:
    """Of a folder whose place does not say: by its config's class."""
    config = path / "config.json"
    if (path / "model_index.json").exists() or not config.is_file():
        return "checkpoint"
    try:
        return CONFIG_CLASSES.get(str(read_json(config).get("_class_name")), "checkpoint")
    except ModelProblem:
        return "checkpoint"


def _listing(folder: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [folder / name for name in names if not name.startswith(".")]


def _is_model_folder(path: Path) -> bool:
    """An index or a config, or (with those lost) the parts of a checkpoint."""
    marks = ("model_index.json", "config.json", "unet", "vae", "text_encoder")
    return any((path / mark).exists() for mark in marks)


def _describe(path: Path, kind: Kind, families: Registry) -> ModelInfo:
    folder = path.is_dir()
    name = path.name if folder else path.stem
    card, note, recognised_by = Card(), None, ""
    try:
        card = read_card(path / "card.json" if folder else path.with_suffix(".card.json"))
    except ModelProblem as problem:
        note = str(problem)
    try:
        if kind == "checkpoint":
            _refuse_pickle(path)
            family, findings = families.recognise(path, card)
            recognised_by = family.name
        else:
            kind, findings = _inspect(path, kind)
    except ModelProblem as problem:
        return ModelInfo(name, path, kind, card=card, problem=str(problem), note=note)
    except Exception as error:
        # Configs and headers of strangers hold anything; the scan goes on.
        sentence = f"Its configuration is damaged ({type(error).__name__})."
        return ModelInfo(name, path, kind, card=card, problem=sentence, note=note)
    return ModelInfo(
        name,
        path,
        kind,
        findings.family,
        findings.bytes,
        card,
        card.native_size or findings.native_size,
        findings.weights,
        note=note or findings.note,
        recognised_by=recognised_by,
        family_title=findings.title,
        anatomy=findings.anatomy,
        scale=findings.scale,
    )


def _refuse_pickle(path: Path) -> None:
    if path.is_file() and not is_safetensors_name(path):
        raise ModelProblem(
            f"{path.name} is a pickle, which can run code when it is opened; "
            "use a .safetensors file."
        )


def _inspect(path: Path, kind: Kind) -> tuple[Kind, Findings]:
    """What is no checkpoint."""
    if kind == "upscaler":
        return kind, _inspect_upscaler(path)
    _refuse_pickle(path)
    if path.is_dir():
        return _inspect_part(path, kind)
    if kind == "vae":
        vae_config(read_shapes(path), path)
    if kind == "controlnet":
        controlnet_config(path)
    embedding = kind == "embedding"
    family = inspect_embedding(path).family if embedding else family_of(read_shapes(path))
    return kind, Findings(family, NO_SIZE, (path,), path.stat().st_size)


def _inspect_upscaler(path: Path) -> Findings:
    """A one-pass upscaler: a file, published as a pickle more often than not."""
    if path.is_dir():
        raise ModelProblem("An upscaler is one .safetensors file, no folder.")
    if not is_safetensors_name(path):
        raise ModelProblem(
            f"{path.name} is a pickle, which can run code when it is opened; make a .safetensors "
            f"file of it by: python -m backend.models.upscaler.convert {path}"
        )
    found = upscaler_kind(read_shapes(path))
    return Findings(found.architecture, NO_SIZE, (path,), path.stat().st_size, scale=found.scale)


def _inspect_part(folder: Path, kind: Kind) -> tuple[Kind, Findings]:
    """A folder that holds one diffusers model: a ControlNet or an autoencoder."""
    config = read_json(folder / "config.json")
    cls = str(config.get("_class_name"))
    actual = CONFIG_CLASSES.get(cls)
    if actual is None or (actual == "controlnet") != (kind == "controlnet"):
        raise ModelProblem(f"config.json names '{cls[:80]}', which is not a {_words(kind)}.")
    weights = folder / "diffusion_pytorch_model.safetensors"
    family = family_of_width(config.get("cross_attention_dim")) if actual == "controlnet" else ""
    read_shapes(weights)
    return actual, Findings(family, NO_SIZE, (weights,), weights.stat().st_size)
