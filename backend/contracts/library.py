"""What there is to draw with, as plain values: the page's choices and what `resolve` settles by.

An engine hands it out (`Engine.library`); nothing in it opens a model. Why an entry cannot be used
is its `problem`, a whole sentence.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from backend.contracts.capabilities import Capabilities, SizeGrid
from backend.contracts.errors import UnknownName
from backend.contracts.samplers import SamplerEntry

HashedKind = Literal["model", "lora", "vae", "embedding"]  # whose files records name by hash
DEFAULT_GUIDANCE = 7.0
DEFAULT_SIZE_PX = (512, 512)


@dataclass(frozen=True)
class ModelEntry:
    """A checkpoint, and what its card recommends.

    Attributes:
        name: What settings call it.
        title: How it is shown.
        family: sd1, sd2, sdxl, sd, or "" where unknown.
        native_size: (width, height) that it learned, px.
        guidance_scale: Recommended guidance.
        bytes: Size of its weights.
        example_prompts: Prompts that it draws well.
        known_words: Words that it has learned.
        problem: Why it cannot be used; None if it can.
        note: Something to know that does not stop its use.
        default: Whether the studio opens on it.
        version: Of its weights, as its card says.
        family_title: How a person calls the family; "" shows none.
        can: What can be asked of it.
        sizes: What it draws.
        cascade: Names of the stages that enlarge what it draws, in their order.
        reader: Name of the model that reads its prompts; "" where it does so itself.
        hash: A1111's short one, of a single file; "" of others.
        picture: Whether there is one of it.
        recommends: Values of further settings that a form under it begins with, by field.
    """

    name: str
    title: str = ""
    family: str = ""
    native_size: tuple[int, int] = DEFAULT_SIZE_PX
    guidance_scale: float = DEFAULT_GUIDANCE
    bytes: int = 0
    example_prompts: tuple[str, ...] = ()
    known_words: tuple[str, ...] = ()
    problem: str | None = None
    note: str | None = None
    default: bool = False
    version: str = ""
    family_title: str = ""
    can: Capabilities = field(default_factory=Capabilities)
    sizes: SizeGrid = field(default_factory=SizeGrid)
    cascade: tuple[str, ...] = ()
    reader: str = ""
    hash: str = ""
    picture: bool = False
    recommends: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class LoraEntry:
    """A LoRA.

    Attributes:
        name: What settings call it.
        bytes: Size of its file.
        family: As of models.
        rank: Its largest rank.
        trigger_words: Words that it was trained on.
        problem: Why it cannot be used at all.
        misfits: Model -> why it cannot be used there.
        notes: What its file also holds, a sentence each.
        base: What it was made for, in words.
        about: What somebody has noted of it.
        weight: At which it is best; None where nobody says.
        picture: Whether there is one of it.
        blocks: Whether it changes a U-Net, whose blocks may have factors of their own.
    """

    name: str
    bytes: int = 0
    family: str = ""
    rank: int = 0
    trigger_words: tuple[str, ...] = ()
    problem: str | None = None
    misfits: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()
    base: str = ""
    about: str = ""
    weight: float | None = None
    picture: bool = False
    blocks: bool = False


@dataclass(frozen=True)
class ControlNetEntry:
    """A ControlNet.

    Attributes:
        name: What settings call it.
        bytes: Size of its weights.
        problem: Why it cannot be used.
        detectors: What it was trained on, as far as its name says.
        fits: Names of the models that it fits.
        misfits: Model -> why it cannot be used there, where there is more to say than that.
    """

    name: str
    bytes: int = 0
    problem: str | None = None
    detectors: tuple[str, ...] = ()
    fits: tuple[str, ...] = ()
    misfits: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class VaeEntry:
    """A separate autoencoder.

    Attributes:
        name: What settings call it.
        bytes: Size of its file.
        problem: Why it cannot be used.
    """

    name: str
    bytes: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class EmbeddingEntry:
    """A textual inversion.

    Attributes:
        name: The word that stands for it in a prompt.
        family: As of models.
        bytes: Size of its file.
        vectors: How many tokens it takes.
        problem: Why it cannot be used.
        fits: Names of the models that it fits.
    """

    name: str
    family: str = ""
    bytes: int = 0
    vectors: int = 0
    problem: str | None = None
    fits: tuple[str, ...] = ()


@dataclass(frozen=True)
class UpscalerEntry:
    """A one-pass upscaler.

    Attributes:
        name: What settings call it.
        architecture: E.g. "ESRGAN"; "" where only loading tells.
        scale: What it multiplies both sides by; 0 where only loading tells.
        bytes: Size of its file.
        problem: Why it cannot be used.
    """

    name: str
    architecture: str = ""
    scale: int = 0
    bytes: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class IpAdapterEntry:
    """An IP-Adapter.

    Attributes:
        name: What settings call it.
        bytes: Size of its file and of its image encoder.
        problem: Why it cannot be used.
        fits: Names of the models that it fits.
    """

    name: str
    bytes: int = 0
    problem: str | None = None
    fits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wildcard:
    """A file of choices that a prompt may draw from.

    Attributes:
        lines: What its name may become.
        problem: Why there is nothing to draw; None if there is.
    """

    lines: tuple[str, ...]
    problem: str | None = None


Entry = (
    ModelEntry
    | LoraEntry
    | ControlNetEntry
    | VaeEntry
    | EmbeddingEntry
    | UpscalerEntry
    | IpAdapterEntry
)


@dataclass(frozen=True)
class Library:
    """Names that settings may use now.

    Attributes:
        models: Checkpoints, by name.
        samplers: By name, in the order of lists.
        loras: By name.
        controlnets: By name.
        vaes: By name.
        embeddings: By name.
        upscalers: One-pass upscalers, by name.
        ipadapters: By name.
        wildcards: By name in lower case; an engine's may read a file only when it is looked up.
        device: e.g. "cpu".
        dtype: e.g. "bfloat16".
        aliases: Kind -> further names of its files, with all their folders -> the name they have.
    """

    models: tuple[ModelEntry, ...]
    samplers: Mapping[str, SamplerEntry]
    loras: tuple[LoraEntry, ...] = ()
    controlnets: tuple[ControlNetEntry, ...] = ()
    vaes: tuple[VaeEntry, ...] = ()
    embeddings: tuple[EmbeddingEntry, ...] = ()
    upscalers: tuple[UpscalerEntry, ...] = ()
    ipadapters: tuple[IpAdapterEntry, ...] = ()
    wildcards: Mapping[str, Wildcard] = field(default_factory=dict[str, Wildcard])
    device: str = "cpu"
    dtype: str = "float32"
    aliases: Mapping[HashedKind, Mapping[str, str]] = field(
        default_factory=dict[HashedKind, Mapping[str, str]]
    )

    def called(self, kind: HashedKind, name: str) -> str:
        """The name that an entry has, for one of its further names; any other stays."""
        return self.aliases.get(kind, {}).get(name, name)

    def model(self, name: str) -> ModelEntry | None:
        """The checkpoint of that name, whether or not it can be used; None where there is none."""
        return next((entry for entry in self.models if entry.name == name), None)

    @property
    def enlargers(self) -> Mapping[str, int]:
        """What can make a picture larger, and how many times: one-pass upscalers come first.

        A diffusion model of the name of a one-pass upscaler cannot be asked for.
        """
        taken = {one.name for one in self.upscalers}
        found = {one.name: one.scale or 4 for one in self.upscalers if one.problem is None}
        for model in self.models:
            enlarges = model.can.enlarges
            if model.problem is None and enlarges is not None and model.name not in taken:
                found[model.name] = enlarges.factor
        return found

    @property
    def default_model(self) -> str:
        """The model whose card says that the studio opens on it, else the first usable one."""
        usable = [entry for entry in self.models if entry.problem is None]
        chosen = [entry for entry in usable if entry.default] or usable
        return chosen[0].name if chosen else ""


def plain(entry: Entry) -> dict[str, Any]:
    """An entry as JSON values, as `/options` tells it."""
    return {name: _plain(value) for name, value in asdict(entry).items()}


def _plain(value: Any) -> Any:
    match value:
        case tuple():
            return [_plain(one) for one in cast("tuple[Any, ...]", value)]
        case Mapping():
            told = cast("Mapping[str, Any]", value)
            return {name: _plain(one) for name, one in told.items()}
        case _:
            return value


def unknown(what: str, name: str, known: Iterable[str], at_fault: str | None) -> UnknownName:
    """The refusal of a name that is not there, with those that are near it.

    Args:
        what: What it should be, e.g. "model".
        name: As it was asked for.
        known: The names there are.
        at_fault: The settings field.
    """
    names = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name[:200].lower(), list(names), n=3, cutoff=0.5)
    if near:
        hint = "did you mean " + " or ".join(f"'{names[key]}'" for key in near) + "?"
    elif names:
        hint = "there are: " + ", ".join(sorted(names.values())[:8]) + "."
    else:
        hint = "the models folder holds none."
    return UnknownName(f"There is no {what} '{name[:80]}'; {hint}", at_fault)
