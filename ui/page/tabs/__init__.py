"""The tabs of the page, in the order of their modes: each is the `TAB` of a file in this folder."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module

from backend.contracts.settings import MODES
from ui.forms.tab import Tab


def declared(folders: Iterable[str], package: str) -> tuple[Tab, ...]:
    """Every tab that a file of these folders declares."""
    names = [f"{package}.{module.name}" for module in pkgutil.iter_modules(folders)]
    made = [getattr(import_module(name), "TAB", None) for name in names]
    found = {tab.mode: tab for tab in made if isinstance(tab, Tab)}
    return tuple(found[mode] for mode in MODES if mode in found)


TABS: tuple[Tab, ...] = declared(__path__, __name__)
