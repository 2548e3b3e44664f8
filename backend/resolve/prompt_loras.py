"""A LoRA tag in a prompt becomes a row: of the whole picture, or of the prompt's region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.settings import LoraUse, Settings
from backend.contracts.settings.parsing import parsed
from backend.contracts.settings.regions import RegionFields
from backend.resolve.lora_tags import has_loras, loras_in


def take_loras(settings: Settings) -> Settings:
    """Moves the tags from each prompt to its rows, where each adds to a row of that name; a row
    that is off acts again, at the weight in the prompt.

    Raises:
        BadInput: A tag cannot be read, or a weight is out of range.
    """
    regions = settings.regions if isinstance(settings, RegionFields) else ()
    told: dict[str, Any] = {}
    if has_loras(settings.prompt):
        told = _taken(settings.prompt, settings.loras, "prompt")
    if any(region.acts and has_loras(region.prompt) for region in regions):
        told["regions"] = [
            region.model_dump()
            | (_taken(region.prompt, region.loras, "regions") if region.acts else {})
            for region in regions
        ]
    return parsed(type(settings), settings.model_dump() | told) if told else settings


def _taken(prompt: str, loras: Sequence[LoraUse], field: str) -> dict[str, Any]:
    """A prompt without its tags, and the rows with them."""
    tagged = loras_in(prompt)
    if tagged.notes:
        raise BadInput(tagged.notes[0], field)
    rows = {use.name: use for use in loras}
    for use in tagged.loras:
        row = rows.get(use.name, LoraUse(name=use.name, weight=0.0))
        weight = use.weight + (row.weight if row.on else 0.0)
        said = {"blocks": use.blocks} if use.blocks else {}
        rows[use.name] = row.model_copy(update={"weight": weight, "on": True, **said})
    return {"prompt": tagged.prompt, "loras": [row.model_dump() for row in rows.values()]}
