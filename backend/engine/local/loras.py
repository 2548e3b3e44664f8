"""LoRA files by name, read once while they do not change; and LoRAs named in a prompt."""

from __future__ import annotations

import threading
from collections import OrderedDict

from backend.contracts.settings import LoraUse, Settings, parse
from backend.models.catalog.catalog import Catalog
from backend.models.lora.file import LoraFile, read
from backend.recipes.a1111 import loras_in


class LoraShelf:
    """Keeps the LoRAs used last in RAM.

    Args:
        catalog: Where names are looked up.
        budget_bytes: Factors to keep, the least recently used dropped first.
    """

    def __init__(self, catalog: Catalog, budget_bytes: int = 512 * 2**20) -> None:
        self._catalog = catalog
        self._budget = budget_bytes
        self._files: OrderedDict[tuple[str, int, int], LoraFile] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, name: str) -> LoraFile:
        """The LoRA of that name.

        Raises:
            UnknownName: There is none.
            ModelProblem: Its file cannot be used; says why.
        """
        path = self._catalog.find("lora", name).path
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        with self._lock:
            file = self._files.get(key) or read(path)
            self._files[key] = file
            self._files.move_to_end(key)
            while len(self._files) > 1 and self._nbytes() > self._budget:
                self._files.popitem(last=False)
            return file

    def _nbytes(self) -> int:
        return sum(file.nbytes for file in self._files.values())


def take_loras(settings: Settings) -> Settings:
    """Moves `<lora:name:weight>` from the prompt to the rows, where it adds to a row of that
    name; a row that is off acts again, at the weight in the prompt.

    Raises:
        BadInput: A weight is out of range.
    """
    if "<lora:" not in settings.prompt:
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
    return parse(settings.mode, values)
