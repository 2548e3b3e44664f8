"""`<lora:name:weight>` (or `<lyco:...>`) in a prompt, as other tools write it, becomes a row."""

from __future__ import annotations

from backend.contracts.settings import LoraUse, Settings
from backend.contracts.settings.parsing import parsed
from backend.recipes.a1111 import has_loras, loras_in


def take_loras(settings: Settings) -> Settings:
    """Moves the tags from the prompt to the rows, where each adds to a row of that name; a row
    that is off acts again, at the weight in the prompt.

    Raises:
        BadInput: A weight is out of range.
    """
    if not has_loras(settings.prompt):
        return settings
    prompt, named = loras_in(settings.prompt)
    rows = {use.name: use for use in settings.loras}
    for name, weight in named:
        row = rows.get(name, LoraUse(name=name, weight=0.0))
        weight += row.weight if row.on else 0.0
        rows[name] = row.model_copy(update={"weight": weight, "on": True})
    values = settings.model_dump() | {
        "prompt": prompt,
        "loras": [row.model_dump() for row in rows.values()],
    }
    return parsed(type(settings), values)
