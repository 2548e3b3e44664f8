"""Names of samplers and schedules, ours and those of the field's other tools."""

from __future__ import annotations

from typing import get_args

from backend.contracts.settings import SCHEDULES_OF, SamplerName, ScheduleName

SAMPLERS: dict[str, str] = {
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "euler": "Euler",
    "euler_a": "Euler a",
    "heun": "Heun",
    "lms": "LMS",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "unipc": "UniPC",
    "lcm": "LCM",
}
SCHEDULES: dict[str, str] = {
    "model": "Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "trailing": "SGM Uniform",
    "ays": "Align Your Steps",
}
_SAMPLER_ALIASES: dict[str, SamplerName] = {
    "euler ancestral": "euler_a",
    "euler_ancestral": "euler_a",
    "k_euler": "euler",
    "k_euler_a": "euler_a",
    "k_heun": "heun",
    "k_lms": "lms",
    "uni_pc": "unipc",
    "dpm++ 2m sde heun": "dpmpp_2m_sde",
}
_SCHEDULE_ALIASES: dict[str, ScheduleName] = {
    "normal": "model",
    "simple": "model",
    "ddim": "model",
    "sgm_uniform": "trailing",
    "align your steps gits": "ays",
}
# Names that lead to something near, not the same.
_NEAR_SAMPLERS = {"dpm++ 2m sde heun"}
_NEAR_SCHEDULES = {"normal", "simple", "ddim", "align your steps gits"}
# What "Automatic" stands for there; every other sampler's is the plain one.
_AUTOMATIC: dict[SamplerName, ScheduleName] = {
    "dpmpp_2m": "karras",
    "dpmpp_2m_sde": "exponential",
}


def sampler_and_schedule(sampler: str, schedule: str | None) -> tuple[dict[str, str], str | None]:
    """Our names for theirs.

    Args:
        sampler: As written, e.g. "DPM++ 2M" or, in older files, "DPM++ 2M Karras".
        schedule: As written, None where the text does not say.

    Returns:
        {"sampler", "schedule"}, a pair that exists here, or {} where the sampler is unknown; and
        a sentence about what could not be kept.
    """
    name = sampler.strip().lower()
    if schedule is None:
        for suffix in ("karras", "exponential"):
            if name.endswith(" " + suffix):
                name, schedule = name.removesuffix(suffix).strip(), suffix
    ours = _sampler(name)
    if ours is None:
        return {}, f"The sampler '{sampler.strip()}' is not known here."
    wanted = _schedule(ours, schedule)
    pair = {"sampler": ours, "schedule": wanted or "model"}
    if wanted is None:
        return pair, f"The schedule '{(schedule or '')[:80]}' is not known here; 'model' is used."
    if wanted not in SCHEDULES_OF[ours]:
        pair["schedule"] = "model"
        return pair, f"'{SAMPLERS[ours]}' has no schedule '{wanted}' here; 'model' is used."
    if name in _NEAR_SAMPLERS:
        return pair, f"The sampler '{sampler.strip()}' is not known here; '{ours}' is the nearest."
    # DDIM has only this one there, whatever the text calls it.
    if (schedule or "").strip().lower() in _NEAR_SCHEDULES and ours != "ddim":
        return pair, f"The schedule '{schedule}' is not known here; '{wanted}' is the nearest."
    return pair, None


def _sampler(name: str) -> SamplerName | None:
    for known in get_args(SamplerName):
        if name in (known, SAMPLERS[known].lower()):
            return known
    return _SAMPLER_ALIASES.get(name)


def _schedule(sampler: SamplerName, schedule: str | None) -> ScheduleName | None:
    name = (schedule or "").strip().lower()
    if name == "automatic":
        return _AUTOMATIC.get(sampler, "model")
    if not name:
        return "model"
    for known in get_args(ScheduleName):
        if name in (known, SCHEDULES[known].lower()):
            return known
    return _SCHEDULE_ALIASES.get(name)
