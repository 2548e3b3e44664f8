"""Catalog: which models lie in the models folders.

Both naming habits are accepted (`checkpoints` or `Stable-diffusion`, `loras` or `Lora`, ...).
A model that cannot be used is listed with the reason: hiding it would leave its owner guessing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backend.contracts.errors import ModelProblem, UnknownName
from backend.contracts.library import unknown
from backend.models.catalog.entry import Kind, ModelInfo, words
from backend.models.catalog.folders import FOLDERS, candidates, is_model_folder, listing
from backend.models.catalog.hub import is_hub, snapshots
from backend.models.catalog.inspecting import bundled, describe, kind_of
from backend.models.family import Registry

# Stems that libraries write; the folder's name says what it is.
NAMELESS = {"adapter_model", "pytorch_lora_weights", "diffusion_pytorch_model", "model"}


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
        for folder, path, kind in candidates(root):
            info = describe(path, kind, self._families)
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
        for lora in [info for (of, _), info in here.items() if of == "lora" and not info.problem]:
            for info in bundled(lora, self._families):
                # A file of its own goes before one that a LoRA brings along.
                here.setdefault(("embedding", info.name), info)
        return here

    def _of_hub(self, root: Path) -> dict[tuple[Kind, str], ModelInfo]:
        """What is whole in a hub's cache; what else lies there is not for this studio."""
        here: dict[tuple[Kind, str], ModelInfo] = {}
        for name, path in snapshots(root):
            if not is_model_folder(path):
                continue
            info = describe(path, kind_of(path), self._families)
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
        return self._folder("lora", "loras")

    @property
    def checkpoint_folder(self) -> Path:
        """Where new checkpoints go; see `lora_folder`."""
        return self._folder("checkpoint", "checkpoints")

    def _folder(self, kind: Kind, usual: str) -> Path:
        """The last root's first folder of that kind; the usual one where it has none."""
        root = self._roots[-1]
        known = [
            folder
            for folder in listing(root)
            if FOLDERS.get(folder.name.lower()) == kind and folder.is_dir()
        ]
        return known[0] if known else root / usual

    def models(self, kind: Kind = "checkpoint") -> tuple[ModelInfo, ...]:
        """All entries of a kind, by name, those with a problem included."""
        with self._lock:
            found = [info for info in self._entries.values() if info.kind == kind]
        return tuple(sorted(found, key=lambda info: info.name.lower()))

    def aliases(self, kind: Kind) -> dict[str, str]:
        """Further names of entries, e.g. with all their folders -> the name that they have."""
        with self._lock:
            return {
                other: name
                for (of, other), name in self._aliases.items()
                if of == kind and other != name and (kind, other) not in self._entries
            }

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
            raise ModelProblem(f"The {words(kind)} '{name}' cannot be used. {info.problem}")
        return info

    def tiny_decoder(self, name: str) -> ModelInfo | None:
        """The tiny decoder `name`; None if it is not installed, or cannot be used."""
        usable = [info for info in self.models("tiny_decoder") if info.problem is None]
        return next((info for info in usable if info.name.lower() == name), None)

    def _unknown(self, kind: Kind, name: str) -> UnknownName:
        at_fault = "model" if kind == "checkpoint" else None
        return unknown(words(kind), name, (info.name for info in self.models(kind)), at_fault)


def _with_readers(entries: dict[tuple[Kind, str], ModelInfo]) -> dict[tuple[Kind, str], ModelInfo]:
    """With the names of those who read prompts for others; names are known once all are found."""
    names = {info.path: info.name for info in entries.values() if info.kind == "checkpoint"}
    return {
        key: info
        if info.anatomy.reader is None
        else replace(info, reader=names.get(info.anatomy.reader, ""))
        for key, info in entries.items()
    }
