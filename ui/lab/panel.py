"""What a panel of the Lab is: a module of this folder declares one as `PANEL`, and is found."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from backend.contracts.library import ModelEntry
from backend.contracts.requests import AnyRequest
from backend.resolve.names import model as find_model
from ui.server.studio import Studio

Sent = dict[str, Any]
Ask = Callable[[Studio, Sent], AnyRequest]
"""What a press asks for, made of what the panel's script sent: {"model", ...}."""
Tell = Callable[[Studio, Sent], Sent]
"""What can be told at once, without a model."""


def taken(sent: Sent, *names: str) -> Sent:
    """Of what was sent, the values of these names; settings refuse what is wrong with them."""
    return {name: sent[name] for name in names if name in sent}


def recommended(studio: Studio, sent: Sent) -> Sent:
    """Steps, and the sampler with the model's schedule, where its card recommends them."""
    can = find_model(studio.engine.library(), str(sent.get("model", ""))).can
    steps = {"steps": can.steps} if can.steps else {}
    return steps | ({"sampler": can.sampler, "schedule": "model"} if can.sampler else {})


def fits_all(model: ModelEntry) -> str | None:
    """A panel that has a use for every model."""
    return None


@dataclass(frozen=True)
class Panel:
    """A panel as the server knows it; its script has the same key (`ui/lab/lab.js`).

    Attributes:
        key: Its name in addresses.
        place: Among the others.
        title: On its tab.
        says: One sentence of what it shows.
        asks: What begins a job, by name.
        tells: What is answered at once, by name.
        unfit: Why it has no use for a model; None where it has.
    """

    key: str
    place: int
    title: str
    says: str
    asks: Mapping[str, Ask] = field(default_factory=dict[str, Ask])
    tells: Mapping[str, Tell] = field(default_factory=dict[str, Tell])
    unfit: Callable[[ModelEntry], str | None] = fits_all


def declared(folder: Path, package: str) -> Mapping[str, Panel]:
    """Every panel that a file of a folder declares, by key, in the order of their places."""
    names = [f"{package}.{module.name}" for module in pkgutil.iter_modules([str(folder)])]
    made = [getattr(import_module(name), "PANEL", None) for name in names]
    found = [panel for panel in made if isinstance(panel, Panel)]
    return {panel.key: panel for panel in sorted(found, key=lambda panel: panel.place)}


@cache
def panels() -> Mapping[str, Panel]:
    """Those of this folder."""
    return declared(Path(__file__).parent, __package__ or "")
