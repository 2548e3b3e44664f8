"""The Latents panel: what an autoencoder keeps of a picture, and noise on it level by level."""

from __future__ import annotations

from typing import Any

from backend.contracts.lab.latents import LatentsSettings, NoiseAtSettings
from backend.contracts.requests import Request
from backend.contracts.settings.parsing import parsed
from ui.lab.panel import Panel, Sent, taken
from ui.server.studio import Studio
from ui.server.uploads import read_pictures


def encode(studio: Studio, sent: Sent) -> Request:
    """{"model", "image"}: the picture there and back."""
    settings = parsed(LatentsSettings, taken(sent, "model", "steps"))
    return Request(settings, _picture(sent), save=False)


def noise_at(studio: Studio, sent: Sent) -> Request:
    """{"model", "level", "prompt", "seed", "image" or none}: noise, and one call of the model."""
    settings = parsed(NoiseAtSettings, taken(sent, "model", "steps", "level", "prompt", "seed"))
    return Request(settings, _picture(sent), save=False)


def _picture(sent: Sent) -> dict[str, Any]:
    return read_pictures({"image": sent.get("image")})


PANEL = Panel(
    "latents",
    10,
    "Latents",
    "What the model's autoencoder keeps of a picture, and what noise leaves of it, level by level.",
    {"encode": encode, "noise_at": noise_at},
)
