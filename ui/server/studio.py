"""What the page talks to, handed to every part of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backend.engine.jobs.protocol import Engine
from backend.storage.atomic_files import clear_leftovers
from backend.storage.history import History
from backend.storage.outputs import Storage
from backend.storage.presets import PresetStore
from backend.storage.styles import FILE, StyleFiles


@dataclass(frozen=True)
class Studio:
    """The page's whole world.

    Attributes:
        engine: Runs jobs.
        presets: Bundled and own presets.
        storage: Finished pictures and their records.
        styles: Words to add to prompts.
        private: Whether people see the pictures alone that they made.
    """

    engine: Engine
    presets: PresetStore
    storage: Storage
    styles: StyleFiles
    private: bool = False

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


def studio_at(
    data: Path,
    bundled: Path,
    engine: Callable[[Storage], Engine],
    pictures: Sequence[Path] = (),
    *,
    private: bool = False,
) -> Studio:
    """Opens the data folder.

    Args:
        data: The folder.
        bundled: Presets and styles that come with the studio.
        engine: Makes one with the storage that it saves into.
        pictures: Folders of pictures that other tools made.
        private: Whether people see the pictures alone that they made.
    """
    written = (data / name for name in ("presets", "keys", "loras"))
    clear_leftovers(data, *written, *(data / "outputs").glob("*"))
    storage = Storage(data, foreign=pictures)
    presets = PresetStore(bundled, data / "presets")
    styles = StyleFiles(bundled / FILE, data / FILE)
    return Studio(engine(storage), presets, storage, styles, private)
