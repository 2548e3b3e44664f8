"""A LoRA tag in a prompt becomes a row."""

from __future__ import annotations

from backend.contracts.errors import BadInput
from backend.contracts.settings import LoraUse, Settings
from backend.contracts.settings.parsing import parsed
from backend.contracts.settings.regions import acting_regions
from backend.resolve.lora_tags import has_loras, loras_in


def take_loras(settings: Settings) -> Settings:
    """Moves the tags from the prompt to the rows, where each adds to a row of that name; a row
    that is off acts again, at the weight in the prompt.

    Raises:
        BadInput: A tag cannot be read, or a weight is out of range.
    """
    if any(has_loras(region.prompt) for region in acting_regions(settings)):
        raise BadInput(
            "A LoRA acts in the whole picture; name it in the prompt or the rows, not in a region.",
            "regions",
        )
    if not has_loras(settings.prompt):
        return settings
    tagged = loras_in(settings.prompt)
    if tagged.notes:
        raise BadInput(tagged.notes[0], "prompt")
    rows = {use.name: use for use in settings.loras}
    for use in tagged.loras:
        row = rows.get(use.name, LoraUse(name=use.name, weight=0.0))
        weight = use.weight + (row.weight if row.on else 0.0)
        rows[use.name] = row.model_copy(update={"weight": weight, "on": True})
    values = settings.model_dump() | {
        "prompt": tagged.prompt,
        "loras": [row.model_dump() for row in rows.values()],
    }
    return parsed(type(settings), values)
