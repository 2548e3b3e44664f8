"""Names of samplers and schedules, ours and those of the field's other tools."""

from __future__ import annotations

from backend.sampling.samplers import ENTRIES

SAMPLERS: dict[str, str] = {name: entry.title for name, entry in ENTRIES.items()}
SCHEDULES: dict[str, str] = {
    "model": "Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "trailing": "SGM Uniform",
    "ays": "Align Your Steps",
}
AUTOMATIC = "automatic"  # the schedule that goes with the sampler
_SCHEDULE_ALIASES: dict[str, str] = {
    "normal": "model",
    "simple": "model",
    "ddim": "model",
    "sgm_uniform": "trailing",
    "align your steps gits": "ays",
}
# What some write behind a sampler's name, and the schedule that it is.
_BEHIND = {
    "karras": "karras",
    "exponential": "exponential",
    "sgm uniform": "sgm uniform",
    "trailing": "sgm uniform",
    "ays": "align your steps",
}
# Names that lead to something near, not the same.
_NEAR_SCHEDULES = {"normal", "simple", "ddim", "align your steps gits"}


def sampler_and_schedule(sampler: str, schedule: str | None) -> tuple[dict[str, str], str | None]:
    """Our names for theirs.

    Args:
        sampler: As written, e.g. "DPM++ 2M" or, in older files, "DPM++ 2M Karras".
        schedule: As written, None where the text does not say.

    Returns:
        {"sampler", "schedule"}, a pair that exists here, or {} where the sampler is unknown; and
        a sentence about what could not be kept.
    """
    name, behind = apart(sampler)
    if schedule is None or schedule.strip().lower() == AUTOMATIC:
        schedule = behind or schedule
    ours = _sampler(name if behind else sampler.strip().lower())
    if ours is None:
        return {}, f"The sampler '{sampler.strip()}' is not known here."
    wanted = schedule_named(ours, schedule)
    pair = {"sampler": ours, "schedule": wanted or "model"}
    if wanted is None:
        return pair, f"The schedule '{(schedule or '')[:80]}' is not known here; 'model' is used."
    if wanted not in ENTRIES[ours].schedules:
        pair["schedule"] = "model"
        return pair, f"'{SAMPLERS[ours]}' has no schedule '{wanted}' here; 'model' is used."
    if name in ENTRIES[ours].near:
        return pair, f"The sampler '{sampler.strip()}' is not known here; '{ours}' is the nearest."
    # DDIM has only this one there, whatever the text calls it.
    if (schedule or "").strip().lower() in _NEAR_SCHEDULES and ours != "ddim":
        return pair, f"The schedule '{schedule}' is not known here; '{wanted}' is the nearest."
    return pair, None


def apart(sampler: str) -> tuple[str, str | None]:
    """A sampler's name in lower case, and the schedule that some tools write behind it."""
    name = sampler.strip().lower()
    for behind in _BEHIND:
        if name.endswith(" " + behind):
            return name.removesuffix(behind).strip(), _BEHIND[behind]
    return name, None


def _sampler(name: str) -> str | None:
    for known, entry in ENTRIES.items():
        if name in (known, entry.title.lower(), *entry.aliases, *entry.near):
            return known
    return None


def schedule_named(sampler: str, schedule: str | None) -> str | None:
    """Our schedule for theirs, whether or not the sampler has it; None where it is unknown."""
    name = (schedule or "").strip().lower()
    if name == AUTOMATIC:
        return ENTRIES[sampler].automatic
    if not name:
        return "model"
    for known, title in SCHEDULES.items():
        if name in (known, title.lower()):
            return known
    return _SCHEDULE_ALIASES.get(name)
