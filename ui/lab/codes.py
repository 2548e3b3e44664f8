"""The Codes panel: a picture as a map of codes, and cells of it drawn anew or put in by hand."""

from __future__ import annotations

from backend.contracts.capabilities import sentence
from backend.contracts.library import ModelEntry
from backend.contracts.requests import Request
from backend.contracts.settings.codes import CodesSettings
from backend.contracts.settings.parsing import parsed
from ui.lab.panel import Panel, Sent
from ui.server.studio import Studio
from ui.server.uploads import read_pictures

TAKEN = ("model", "prompt", "seed", "prior", "decoder", "temperature", "top_k", "redraw", "paint")


def draw(studio: Studio, sent: Sent) -> Request:
    """{"model", "prompt", "seed", "redraw", "paint", ..., "image" or none}: as the tab Codes."""
    settings = parsed(CodesSettings, {name: sent[name] for name in TAKEN if name in sent})
    return Request(settings, read_pictures({"image": sent.get("image")}), save=False)


def unfit(model: ModelEntry) -> str | None:
    """Only a codebook has codes."""
    return sentence("codes", model.can, model.title or model.name)


PANEL = Panel(
    "codes",
    40,
    "Codes",
    "What a codebook makes of a picture: its map of codes, how many are in use, and cells changed.",
    {"draw": draw},
    unfit=unfit,
)
