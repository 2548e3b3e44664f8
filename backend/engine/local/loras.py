"""LoRA files by name, read once while they do not change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

from backend.contracts.holdings import Holding
from backend.models.catalog.catalog import Catalog
from backend.models.lora.file import LoraFile, read


class LoraFiles:
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

    @property
    def folder(self) -> Path:
        """Where a trained LoRA goes."""
        return self._catalog.lora_folder

    def changed(self) -> None:
        """The folders hold something new."""
        self._catalog.refresh()

    def read(self, name: str) -> LoraFile:
        """The LoRA of that name.

        Raises:
            UnknownName: There is none.
            ModelProblem: Its file cannot be used; says why.
        """
        info = self._catalog.find("lora", name)
        path = info.path
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        with self._lock:
            file = self._files.get(key)
            if file is None:
                file = read(path)
                # The catalog's name, which tells two files of one stem apart.
                file = replace(file, info=replace(file.info, name=info.name))
            self._files[key] = file
            self._files.move_to_end(key)
            while len(self._files) > 1 and self._nbytes() > self._budget:
                self._files.popitem(last=False)
            return file

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of the factors that are kept."""
        with self._lock:
            held = self._nbytes()
        return (Holding("LoRA files", "cpu", held),) if held else ()

    def release(self) -> int:
        """Forgets the files; a running job keeps those that it uses."""
        with self._lock:
            freed = self._nbytes()
            self._files.clear()
            return freed

    def _nbytes(self) -> int:
        return sum(file.nbytes for file in self._files.values())
