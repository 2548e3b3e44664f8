"""What the page talks to, handed to every part of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backend.engine.jobs.protocol import Engine
from backend.storage.history import History
from backend.storage.outputs import Storage
from backend.storage.presets import PresetStore
from backend.storage.styles import StyleShelf


@dataclass(frozen=True)
class Studio:
    """The page's whole world.

    Attributes:
        engine: Runs jobs.
        presets: Bundled and own presets.
        storage: Finished pictures and their records.
        styles: Words to add to prompts.
    """

    engine: Engine
    presets: PresetStore
    storage: Storage
    styles: StyleShelf

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.storage.outputs.parent

    @property
    def outputs(self) -> Path:
        """The folder that `storage` writes into; the page may serve its files."""
        return self.storage.outputs.resolve()

    @cached_property
    def history(self) -> History:
        """The past pictures of `storage`."""
        return History(self.storage)
