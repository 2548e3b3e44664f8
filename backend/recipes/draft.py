"""What another tool's record says, on its way to settings: gathered first, checked all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from backend.contracts.errors import BadInput, enumerated, short
from backend.contracts.settings import LoraUse
from backend.resolve.usable import large_seeds, usable, with_partner

MAX_NOTES = 30
MAX_UNREAD = 200
MAX_LEFT = 12  # named in the sentence about what is left
_OFF = ("None", "False", "false")
# What may not go together where an error names no field.
_PAIRED = ("eta", "sampler", "schedule", "guidance_start", "guidance_end")


@dataclass(frozen=True)
class Parsed:
    """What a record says.

    Attributes:
        settings: Fields of `Txt2ImgSettings`, all together valid; absent where it does not say.
        notes: One sentence for each thing that could not be mapped.
        model: {"name", "hash"} as far as given.
        tool: Whose record it is.
        unread: What has no counterpart here, as it was written: kept and shown, never a prompt.
        facts: Hashes of what it names, as our own records hold them: "vae_hash", "lora_hashes"
            and "embeddings" by name.
    """

    settings: dict[str, Any]
    notes: tuple[str, ...]
    model: dict[str, str]
    tool: str = ""
    unread: dict[str, str] = field(default_factory=dict[str, str])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


class LoraRow(NamedTuple):
    """A LoRA that a record names; whether it can be used is seen when it is put."""

    name: str
    weight: Any
    blocks: str = ""


@dataclass
class Draft:
    """Gathers a record; `settled` makes settings of it.

    Attributes:
        tool: Whose record it is.
        values: Fields of `Txt2ImgSettings`, not checked yet.
        labels: How the record says each of them.
        notes: One sentence for each thing that could not be mapped.
        left: What has no counterpart here, in short.
        unread: See `Parsed`.
        model: See `Parsed`.
        facts: See `Parsed`.
    """

    tool: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    labels: dict[str, str] = field(default_factory=dict[str, str])
    notes: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])
    unread: dict[str, str] = field(default_factory=dict[str, str])
    model: dict[str, str] = field(default_factory=dict[str, str])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def put(self, name: str, value: Any, label: str) -> None:
        """Takes a value for a field; None is no value."""
        if value is not None:
            self.values[name] = value
            self.labels[name] = label

    def number(self, name: str, kind: type[int] | type[float], value: Any, key: str) -> None:
        """Takes a number that may be text; says so where it is none."""
        if value is None or value == "":
            return
        label = f"'{key}: {short(value)}'"
        made = number(kind, value)
        if made is None:
            self.notes.append(f"{label} is not a number.")
        else:
            self.put(name, made, label)

    @property
    def loras(self) -> list[LoraRow]:
        """Those that were taken so far."""
        return [LoraRow(**row) for row in self.values.get("loras", ())]

    def put_loras(self, rows: Sequence[LoraRow]) -> None:
        """Takes those of the rows that can be used, keeps the others unread."""
        taken: list[dict[str, Any]] = []
        for row in rows:
            told: dict[str, Any] = {"name": row.name, "weight": row.weight}
            told |= {"blocks": row.blocks} if row.blocks else {}
            try:
                LoraUse.model_validate(told)
            except ValueError:  # pydantic's error is one
                self.leave("LoRA", f"{row.name}: {row.weight}")
            else:
                taken.append(told)
        self.put("loras", taken or None, "The LoRA list")

    def leave(self, key: str, value: Any) -> None:
        """Keeps what has no counterpart here; what is switched off is kept and not told."""
        if value in (None, "", [], {}):
            return
        if value is not False and str(value) not in _OFF:
            self.left.append(f"'{key}: {short(value)}'")
        if len(self.unread) < MAX_UNREAD:
            self.unread[str(key)[:80]] = str(value)[:4000]

    def _said_of_left(self) -> list[str]:
        if not self.left:
            return []
        have = "has" if len(self.left) == 1 else "have"
        return [f"{enumerated(self.left, MAX_LEFT)} {have} no counterpart here."]

    def settled(self) -> Parsed:
        """Checks all fields together; leaves out what does not go, and says why."""
        left = {name: self.values[name] for name in self.values}
        notes = list(self.notes)
        while True:
            try:
                usable("txt2img", left)
                break
            except BadInput as error:
                names = _at_fault(error, left)
                if not names:
                    raise
                label = self.labels.get(names[0], f"'{names[0]}'")
                notes.append(f"{label} cannot be used here: {short(str(error))}")
                left = {name: value for name, value in left.items() if name not in names}
        notes += large_seeds(left)
        if len(notes) > MAX_NOTES:
            notes[MAX_NOTES:] = [f"{len(notes) - MAX_NOTES} more entries could not be used here."]
        notes += self._said_of_left()
        model = {key: value for key, value in self.model.items() if value}
        facts = {key: value for key, value in self.facts.items() if value}
        return Parsed(left, tuple(notes), model, self.tool, dict(self.unread), facts)


def _at_fault(error: BadInput, values: Mapping[str, Any]) -> list[str]:
    """The fields to leave out for an error, the one that it names first."""
    first = (error.field or "").split(".")[0]
    named = [name for name in with_partner(first) if name in values]
    if named:
        return named
    first = next((name for name in _PAIRED if name in values), "")
    return [*with_partner(first)] if first else []


def number(kind: type[int] | type[float], value: Any) -> int | float | None:
    """A number out of JSON or text, None where it is none (booleans are none)."""
    if isinstance(value, bool):
        return None
    try:
        made = kind(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if kind is int and isinstance(value, float) and made != value:
        return None
    return made
