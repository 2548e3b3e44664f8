"""Modes that are imported when they are first run: those of the Lab, one a file of its folder.

A studio that nobody opens the Lab of imports nothing of it, neither here nor on the page.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from backend.contracts.events import Output
from backend.contracts.requests import ModeRequest
from backend.modes.context import Context
from backend.modes.mode import Mode

FOLDER = Path(__file__).parent / "lab"


@dataclass(frozen=True)
class LateMode:
    """A mode that is known by its name alone.

    Attributes:
        name: What settings call it.
        module: Declares it as `MODE`.
    """

    name: str
    module: str

    def run(self, request: ModeRequest, context: Context) -> Iterator[Output]:
        """Imports the mode, and draws what is asked for."""
        mode: Mode = import_module(self.module).MODE
        return mode.run(request, context)


def late_modes(folder: Path = FOLDER, package: str = "backend.modes.lab") -> tuple[LateMode, ...]:
    """The modes of a folder's files, by the names of these: `lab_` and the file's."""
    names = [found.name for found in pkgutil.iter_modules([str(folder)])]
    return tuple(LateMode(f"lab_{name}", f"{package}.{name}") for name in names)
