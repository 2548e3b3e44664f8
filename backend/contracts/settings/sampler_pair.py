"""Whether settings go together with the sampler that they name.

Settings hold its name as text: what samplers there are, a library says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backend.contracts.errors import BadInput, Fix
from backend.contracts.library import unknown
from backend.contracts.samplers import SamplerEntry
from backend.contracts.settings.base import Settings
from backend.contracts.settings.clip import ClipSettings
from backend.contracts.settings.forecast import ForecastFields
from backend.contracts.settings.img2img import Img2ImgSettings
from backend.contracts.settings.txt2img import LoraMixSettings


def check_sampler(settings: Settings, samplers: Mapping[str, SamplerEntry]) -> None:
    """Refuses a sampler that is not there, and what it cannot do.

    Args:
        settings: Of any mode.
        samplers: Those there are, by name.

    Raises:
        BadInput: Says what to choose instead, and names the field.
    """
    entry = samplers.get(settings.sampler)
    if entry is None:
        raise unknown("sampler", settings.sampler, samplers, "sampler")
    if settings.schedule not in entry.schedules:
        raise BadInput(
            f"The schedule '{settings.schedule[:80]}' does not exist for sampler '{entry.name}'; "
            f"choose one of: {', '.join(entry.schedules)}.",
            "schedule",
        )
    if settings.eta > 0 and not entry.has_eta:
        having = _named(f"'{one.name}'" for one in samplers.values() if one.has_eta)
        raise BadInput(
            f"Of the samplers only {having} has an eta; set it to 0 for '{entry.name}'.",
            "eta",
            Fix("Set Eta to 0", {"eta": 0.0}),
        )
    if settings.variance != "eta" and not entry.has_eta:
        having = _named(f"'{one.name}'" for one in samplers.values() if one.has_eta)
        raise BadInput(
            f"Of the samplers only {having} has another variance; set it to 'eta' for "
            f"'{entry.name}'.",
            "variance",
        )
    if isinstance(settings, Img2ImgSettings | ClipSettings) and settings.start_noise == "inverted":
        check_inverts(entry, samplers)
    if isinstance(settings, ForecastFields) and settings.forecasts:
        _check_forecast(settings, entry, samplers)


def _check_forecast(
    settings: Settings, entry: SamplerEntry, samplers: Mapping[str, SamplerEntry]
) -> None:
    """Refuses to foretell steps that do not go on smoothly, or of several runs side by side."""
    off = Fix("Foretell no step", {"forecast": "off"})
    if not entry.smooth:
        able = _named(one.title for one in samplers.values() if one.smooth)
        raise BadInput(
            f"{entry.title} draws fresh noise at each step, so that none can be foretold; set "
            f"'forecast' to 'off', or take {able}.",
            "forecast",
            off,
        )
    if settings.eta > 0 or settings.variance != "eta":
        raise BadInput(
            "With an eta, or another variance, each step draws fresh noise, so that none can be "
            "foretold; set 'eta' to 0 and 'variance' to 'eta', or 'forecast' to 'off'.",
            "forecast",
            Fix("Set Eta to 0", {"eta": 0.0, "variance": "eta"}),
        )
    ladder = isinstance(settings, Img2ImgSettings) and len(settings.ladder) > 1
    if ladder or (isinstance(settings, LoraMixSettings) and settings.compare):
        raise BadInput(
            f"{'Strengths' if ladder else 'LoRAs'} side by side are drawn in full; set "
            "'forecast' to 'off', or draw them one by one.",
            "forecast",
            off,
        )


def check_inverts(entry: SamplerEntry, samplers: Mapping[str, SamplerEntry]) -> None:
    """Refuses a sampler under which no picture can be inverted.

    Raises:
        BadInput: Names those under which it can.
    """
    if not entry.inverts:
        able = [one for one in samplers.values() if one.inverts]
        titles, names = _named(one.title for one in able), _named(f"'{one.name}'" for one in able)
        raise BadInput(
            f"Pictures are inverted by {titles}; set the sampler to {names}.",
            "sampler",
            _switch_to(able[0]) if able else None,
        )


def _switch_to(entry: SamplerEntry) -> Fix:
    changes = {"sampler": entry.name, "schedule": entry.schedules[0]}
    return Fix(f"Switch to {entry.title}", changes)


def _named(names: Iterable[str]) -> str:
    return " or ".join(names)
