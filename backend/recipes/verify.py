"""Whether a record still gives its picture: what to run again, and how far the result is off.

A run's record names what its picture depends on beside the settings; a second run writes the same
facts as they are now, so that two records tell what has changed in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from backend.contracts.errors import BadInput
from backend.contracts.events import Output, Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import Settings, parse
from backend.contracts.settings.forecast import ForecastFields
from backend.pictures.decode import decode
from backend.pictures.difference import Difference, difference
from backend.recipes import png_text
from backend.recipes.metadata import ReadRecord, read

# Facts of a record's `extra` by name, and what each is called; those of the last group hold names.
SINGLE = {
    "studio": "studio",
    "torch": "torch",
    "diffusers": "diffusers",
    "device": "device",
    "hardware": "hardware",
    "threads": "CPU threads",
    "dtype": "precision",
    "compile": "compilation",
    "vae_hash": "VAE's weights",
}
ALWAYS = ("studio", "torch", "diffusers", "device", "hardware", "dtype")  # where a model runs
NAMED = {
    "part_hashes": "weights of the {}",
    "lora_hashes": "weights of the LoRA '{}'",
    "controlnets": "weights of the ControlNet '{}'",
    "embeddings": "vectors of the embedding '{}'",
}
MAX_VALUE_CHARS = 120
MAX_FACTS = 64


@dataclass(frozen=True)
class Original:
    """A picture to verify.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        record: Its recipe.
        settings: What the recipe asks for.
    """

    image: Pixels
    record: ReadRecord
    settings: Settings


@dataclass(frozen=True)
class Change:
    """A fact that differs between the record and now; None where one of them does not have it."""

    what: str
    then: str | None
    now: str | None


@dataclass(frozen=True)
class Report:
    """How a second run came out.

    Attributes:
        size: (width, height) of the picture, px.
        size_now: Of the second one.
        difference: None where the sizes differ.
        changes: What differs in versions, device and weights.
        unrecorded: What the record does not say of those.
        notes: What else may explain a difference, a sentence each.
    """

    size: tuple[int, int]
    size_now: tuple[int, int]
    difference: Difference | None
    changes: tuple[Change, ...] = ()
    unrecorded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether every pixel is the same."""
        return self.difference is not None and self.difference.equal

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        if self.difference is None:
            return (
                f"Not the same size: {_size(self.size)} then, {_size(self.size_now)} now, so "
                "the pixels cannot be compared."
            )
        if self.equal:
            return "The same, bit for bit."
        # Cut rather than rounded: what is not equal shall not read as 100 %.
        share = int(self.difference.equal_share * 10_000) / 100
        return (
            f"Not the same: the largest difference is {self.difference.largest} of 255; "
            f"{share:g} % of the pixels are equal."
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, for scripts and the page."""
        apart = self.difference
        return {
            "verdict": self.verdict,
            "equal": self.equal,
            "largest_difference": None if apart is None else apart.largest,
            "equal_share": None if apart is None else apart.equal_share,
            "size": list(self.size),
            "size_now": list(self.size_now),
            "changes": [asdict(change) for change in self.changes],
            "not_recorded": list(self.unrecorded),
            "notes": list(self.notes),
        }


def open_original(data: bytes) -> Original:
    """Reads a picture that shall be verified.

    Raises:
        BadInput: It is no PNG, carries no recipe, or one that cannot be run again.
    """
    record = read(data)
    if not data.startswith(png_text.SIGNATURE):
        raise BadInput(
            "Only a PNG keeps every pixel as it was; a JPEG or WebP cannot be verified.", "file"
        )
    settings = parse(record.mode, record.settings)
    if settings.seed == -1:
        raise BadInput(
            "The record does not say the seed, so the picture cannot be made again.", "file"
        )
    return Original(decode(data, "file"), record, settings)


def inputs_of(original: Original) -> dict[str, str]:
    """Pictures that the run was given, as its record says: name -> SHA-256 of the pixels."""
    extra = original.record.extra
    return {
        name: digest
        for name in original.settings.pictures
        if isinstance(digest := extra.get(f"{name}_sha256"), str)
    }


def request_for(original: Original, given: Mapping[str, Pixels]) -> Request:
    """The run that shall give the picture again; it saves nothing.

    Args:
        original: What to verify.
        given: Input pictures at hand, by name; those that the record does not name are left out.

    Raises:
        BadInput: An input picture is missing, or is not the one that the record names.
    """
    wanted = inputs_of(original)
    if not wanted:
        images: dict[str, Pixels] = {}
        if original.settings.missing_picture(images) is not None:
            images = {name: given[name] for name in original.settings.pictures if name in given}
        if (problem := original.settings.missing_picture(images)) is not None:
            raise BadInput(
                f"The record does not hold the pictures it began with. {problem}", "image"
            )
        return Request(original.settings, images, save=False)
    missing = [name for name in wanted if name not in given]
    if missing:
        raise BadInput(
            f"The picture was made from others, which its record names but does not hold: "
            f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} missing. Give "
            f"{'it' if len(missing) == 1 else 'them'} and verify again.",
            missing[0],
        )
    other = [
        name
        for name, digest in wanted.items()
        if hashlib.sha256(given[name].tobytes()).hexdigest() != digest
    ]
    if other:
        raise BadInput(
            f"The picture was made from another {_listed(other)} than the one given here (their "
            "SHA-256 differ), so there is nothing to compare. Give the one it was made from.",
            other[0],
        )
    return Request(original.settings, {name: given[name] for name in wanted}, save=False)


PARTS = ("stage", "loop")
"""What a record counts its picture by, where the run that makes it again makes those before it."""


def counterpart(original: Original, outputs: Sequence[Output]) -> Output:
    """The picture among a second run's that should be the original.

    Raises:
        BadInput: The run made no such picture.
    """
    found = [
        output
        for output in outputs
        if output.record.mode == original.record.mode
        and all(output.record.extra.get(k, 1) == original.record.extra.get(k, 1) for k in PARTS)
    ]
    frame = original.record.extra.get("frame", 0)
    place = frame if isinstance(frame, int) and not isinstance(frame, bool) else 0
    if not 0 <= place < len(found):
        raise BadInput(
            f"The record is of picture {place + 1} of its run; now the run made {len(found)}."
        )
    return found[place]


def report(original: Original, now: Output) -> Report:
    """Compares a picture and its record with what a second run made.

    Args:
        original: The picture.
        now: Its counterpart.
    """
    then_facts = facts_of(original.record.model, original.record.extra)
    now_facts = facts_of(now.record.model, now.record.extra)
    names = list(dict.fromkeys([*now_facts, *then_facts]))
    changes = [
        Change(name, then_facts.get(name), now_facts.get(name))
        for name in names
        if name in then_facts and then_facts[name] != now_facts.get(name)
    ]
    expected = [*(SINGLE[key] for key in ALWAYS), *names]
    unrecorded = [name for name in dict.fromkeys(expected) if name not in then_facts]
    apart = None
    if original.image.shape == now.image.shape:
        apart = difference(original.image, now.image)
    return Report(
        _pixel_size(original.image),
        _pixel_size(now.image),
        apart,
        tuple(changes),
        tuple(unrecorded),
        tuple(_notes(original)),
    )


def facts_of(model: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, str]:
    """What a record says of versions, device and weights, by what it is called."""
    facts: dict[str, str] = {}
    if model.get("name"):
        facts["model"] = str(model["name"])[:MAX_VALUE_CHARS]
    if model.get("hash"):
        facts["model's weights"] = str(model["hash"])[:MAX_VALUE_CHARS]
    for key, title in SINGLE.items():
        if isinstance(value := extra.get(key), str | int):
            facts[title] = str(value)[:MAX_VALUE_CHARS]
    for key, title in NAMED.items():
        entries = extra.get(key)
        if isinstance(entries, dict):
            named = cast("dict[str, Any]", entries)
            for name, digest in list(named.items())[:MAX_FACTS]:
                facts[title.format(str(name)[:MAX_VALUE_CHARS])] = str(digest)[:MAX_VALUE_CHARS]
    return facts


def _notes(original: Original) -> list[str]:
    extra, notes = original.record.extra, list(original.record.notes[:8])
    together, branched = extra.get("drawn_together"), extra.get("branched_at")
    if original.record.source == "parameters":
        notes.append("The recipe was read from another tool's text, which does not say everything.")
    if isinstance(together, int):
        notes.append(
            f"It was drawn together with others, {together} in its run; drawn alone, a "
            "picture may be rounded differently."
        )
    if isinstance(branched, int):
        notes.append(
            f"It was branched at step {branched} of another run; this run began at the "
            "start, with the branch's settings."
        )
    if isinstance(original.settings, ForecastFields) and original.settings.forecasts:
        share = round(100 * original.settings.forecast_share)
        notes.append(
            f"About {share} % of its steps were foretold from those before, not computed; this "
            "run foretold the same ones."
        )
    if original.settings.missing_picture(()) is not None and not inputs_of(original):
        notes.append(
            "The record does not say which pictures it was made from; those given here were used."
        )
    return notes


def _pixel_size(image: Pixels) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]} px"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)
