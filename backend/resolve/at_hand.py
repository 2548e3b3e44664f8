"""What a record names, looked for among what is here: by name, by the file's own name, by hash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from backend.contracts.errors import enumerated
from backend.contracts.library import HashedKind, Library
from backend.contracts.settings.hires import LATENT
from backend.contracts.settings.upscale import LANCZOS

FindByHash = Callable[[HashedKind, str], str | None]
_WORDS: dict[HashedKind, str] = {"model": "model", "lora": "LoRA", "vae": "autoencoder"}
_MISSING = {
    "model": "model",
    "vae": "autoencoder",
    "loras": "LoRA",
    "upscaler": "upscaler",
    "hires_upscaler": "upscaler",
    "embeddings": "embedding",
}
_EMBEDDING = re.compile(r"\bembedding:([\w./-]{1,120})", re.IGNORECASE)
_KINDS = (".safetensors", ".ckpt", ".pt", ".pth")
MAX_NAMED = 12


@dataclass(frozen=True)
class AtHand:
    """Settings in terms of what is here.

    Attributes:
        settings: With the names that files have here; what is missing is named as before.
        notes: In one sentence all that is missing, and then what goes by another name.
        absent: The fields that name something which is not here, and its names; embeddings, which
            prompts name, stand under "embeddings".
    """

    settings: dict[str, Any]
    notes: tuple[str, ...] = ()
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def missing(self) -> tuple[str, ...]:
        """Those fields."""
        return tuple(self.absent)


def at_hand(
    settings: Mapping[str, Any],
    model: Mapping[str, str],
    facts: Mapping[str, Any],
    library: Library,
    find: FindByHash,
) -> AtHand:
    """Looks up the model, the LoRAs, the autoencoder and the upscalers of a record.

    Args:
        settings: Of the record.
        model: Its {"name", "hash"}, as far as given.
        facts: Its further facts; "lora_hashes" by name and "vae_hash" are used.
        library: What there is.
        find: Name of a file of that kind and hash.
    """
    look = _Look(library, find)
    made = dict(settings)
    # A record of ours that names no model needed none: its hash is of what enlarged the picture.
    name = str(made["model"] if "model" in made else model.get("name") or "")
    if name or ("model" not in made and model.get("hash")):
        found = look.up("model", name, model.get("hash", ""), library.models)
        made["model"] = found or name
        if found is None:
            look.miss("model", name or str(model.get("hash")))
    if vae := str(made.get("vae") or ""):
        found = look.up("vae", vae, str(facts.get("vae_hash") or ""), library.vaes)
        made["vae"] = found or vae
        if found is None:
            look.miss("vae", vae)
    noted = facts.get("lora_hashes")
    hashes = cast(dict[str, Any], noted) if isinstance(noted, dict) else {}
    rows: list[Any] = []
    for row in made.get("loras") or ():
        lora = str(row["name"])
        found = look.up("lora", lora, str(hashes.get(lora, "")), library.loras)
        if found is None:
            look.miss("loras", lora)
        rows.append({**row, "name": found or lora})
    if rows:
        made["loras"] = rows
    for key, own in (("upscaler", (LANCZOS,)), ("hires_upscaler", (LATENT, LANCZOS))):
        wanted = str(made.get(key) or "")
        names = [one.name for one in library.upscalers]
        if key == "upscaler":
            names += [one.name for one in library.models if one.can.enlarges is not None]
        if wanted and wanted not in own and wanted not in names:
            near = _near(wanted, names)
            made[key] = near or wanted
            if near is None:
                look.miss(key, wanted)
    known = {_bare(one.name) for one in library.embeddings if one.problem is None}
    for word in _embeddings(made, facts):
        if _bare(word) not in known:
            look.miss("embeddings", word)
    return AtHand(made, (*look.sentence(), *look.renamed), look.absent)


def _embeddings(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Words that a record says are embeddings: by their hashes, or as ComfyUI writes them."""
    noted = facts.get("embeddings")
    names = list(map(str, cast(dict[str, Any], noted))) if isinstance(noted, dict) else []
    for key in ("prompt", "negative_prompt"):
        names += _EMBEDDING.findall(str(settings.get(key) or ""))
    return list(dict.fromkeys(names))


class _Look:
    """One record's look through the library."""

    def __init__(self, library: Library, find: FindByHash) -> None:
        self._library, self._find = library, find
        self.renamed: list[str] = []
        self.absent: dict[str, tuple[str, ...]] = {}
        self._missing: list[str] = []

    def up(self, kind: HashedKind, name: str, digest: str, known: Iterable[Any]) -> str | None:
        names = [entry.name for entry in known]
        whole = self._library.called(kind, stem(name))
        if name in names or whole in names:
            return name if name in names else whole
        found = _near(name, names)
        if found is not None:
            return found
        found = self._find(kind, digest) if digest else None
        if found is not None and name:
            self.renamed.append(
                f"The {_WORDS[kind]} '{name[:80]}' is here as '{found}': its hash is the same."
            )
        return found

    def miss(self, key: str, name: str) -> None:
        self.absent[key] = (*self.absent.get(key, ()), name)
        self._missing.append(f"the {_MISSING[key]} '{name[:100]}'")

    def sentence(self) -> list[str]:
        """All that is missing, in one."""
        if not self._missing:
            return []
        named = list(dict.fromkeys(self._missing))
        words = enumerated(named, MAX_NAMED)
        be = "is" if len(named) == 1 else "are"
        return [f"{words[0].upper()}{words[1:]} {be} not here."]


def _near(name: str, names: list[str]) -> str | None:
    """The one entry of that name but for its case, its folders and its file's kind."""
    wanted = _bare(name)
    same = [one for one in names if _bare(one) == wanted] if wanted else []
    return same[0] if len(same) == 1 else None


def _bare(name: str) -> str:
    return stem(name.casefold()).rsplit("/", 1)[-1].strip()


def stem(name: str) -> str:
    """The name with its folders, without its file's kind."""
    plain = name.strip().replace("\\", "/")
    for kind in _KINDS:
        plain = plain.removesuffix(kind)
    return plain
