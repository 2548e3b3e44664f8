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
_WORDS: dict[HashedKind, str] = {
    "model": "model",
    "lora": "LoRA",
    "vae": "autoencoder",
    "embedding": "embedding",
}
_MISSING = {
    "model": "model",
    "vae": "autoencoder",
    "loras": "LoRA",
    "upscaler": "upscaler",
    "hires_upscaler": "upscaler",
    "reference_adapter": "IP-Adapter",
    "embeddings": "embedding",
}
_EMBEDDING = re.compile(r"\bembedding:([\w./-]{1,120})", re.IGNORECASE)
_PROMPTS = ("prompt", "negative_prompt", "prompt_a", "prompt_b", "prompt_c", "prompt_d")
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
        facts: Its further facts; "lora_hashes" and "embeddings" (hashes by name) and "vae_hash"
            are used. An embedding that goes by another name here is put under it into the prompts.
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
    if rows := _loras(made, look, hashes, library):
        made["loras"] = rows
    for place, region in enumerate(made.get("regions") or ()):
        if rows := _loras(region, look, hashes, library):
            made["regions"] = [*made["regions"]]
            made["regions"][place] = {**region, "loras": rows}
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
    if adapter := str(made.get("reference_adapter") or ""):
        near = _near(adapter, [one.name for one in library.ipadapters])
        made["reference_adapter"] = near or adapter
        if near is None:
            look.miss("reference_adapter", adapter)
    known = {_bare(one.name) for one in library.embeddings if one.problem is None}
    for word, digest in _embeddings(made, facts).items():
        if _bare(word) in known:
            continue
        found = look.by_hash("embedding", word, digest)
        if found is None:
            look.miss("embeddings", word)
        else:
            made |= _renamed(made, word, found)
    return AtHand(made, (*look.sentence(), *look.renamed), look.absent)


def _loras(
    owner: Mapping[str, Any], look: _Look, hashes: Mapping[str, Any], library: Library
) -> list[Any]:
    """The rows of settings or of a region, under the names that their files have here."""
    rows: list[Any] = []
    for row in owner.get("loras") or ():
        lora = str(row["name"])
        found = look.up("lora", lora, str(hashes.get(lora, "")), library.loras)
        if found is None:
            look.miss("loras", lora)
        rows.append({**row, "name": found or lora})
    return rows


def _embeddings(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    """Words that a record says are embeddings: by their hashes, or as ComfyUI writes them."""
    noted = facts.get("embeddings")
    pairs = cast(dict[str, Any], noted).items() if isinstance(noted, dict) else ()
    named = {str(name): str(digest) for name, digest in pairs}
    texts = [settings.get(key) for key in _PROMPTS]
    texts += [region.get("prompt") for region in settings.get("regions") or ()]
    for text in texts:
        for word in _EMBEDDING.findall(str(text or "")):
            named.setdefault(word, "")
    return named


def _renamed(settings: Mapping[str, Any], word: str, name: str) -> dict[str, object]:
    """The prompts, also of regions, with an embedding's name here in the place of the record's."""
    alone = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])", re.IGNORECASE)
    texts = {key: settings[key] for key in _PROMPTS if isinstance(settings.get(key), str)}
    made: dict[str, object] = {k: alone.sub(lambda _: name, text) for k, text in texts.items()}
    if regions := settings.get("regions"):
        made["regions"] = [
            {**one, "prompt": alone.sub(lambda _: name, str(one.get("prompt") or ""))}
            for one in regions
        ]
    return made


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
        return self.by_hash(kind, name, digest)

    def by_hash(self, kind: HashedKind, name: str, digest: str) -> str | None:
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
