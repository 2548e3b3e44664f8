"""Which sampler and schedule a payload asks for, as A1111 settles it."""

from __future__ import annotations

from backend.contracts.errors import BadInput
from backend.recipes.a1111_names import (
    AUTOMATIC,
    SCHEDULES,
    apart,
    sampler_and_schedule,
    schedule_named,
)
from backend.sampling.samplers import ENTRIES
from ui.sdapi.payloads import Drawing

DEFAULT = "Euler"  # A1111's, where a payload names none


def sampler_of(sent: Drawing) -> tuple[dict[str, str], str | None]:
    """Our pair, {"sampler", "schedule"}, and a sentence where it is only near what was asked.

    A name without a schedule is "Automatic", the one that goes with the sampler; a schedule behind
    the sampler's name goes before the one beside it.

    Raises:
        BadInput: There is no such sampler, no such schedule, or the two do not go together.
    """
    name = sent.sampler_name or sent.sampler_index or DEFAULT
    _, behind = apart(name)
    wanted = behind or sent.scheduler or AUTOMATIC
    pair, note = sampler_and_schedule(name, None if behind else wanted)
    if not pair:
        raise BadInput(
            f"There is no sampler '{name[:80]}' here; ask /samplers for the names.", "sampler_name"
        )
    entry = ENTRIES[pair["sampler"]]
    found = schedule_named(entry.name, wanted)
    if found not in entry.schedules:
        labels = ", ".join(["Automatic", *(SCHEDULES[one] for one in entry.schedules)])
        raise BadInput(
            f"'{entry.title}' has no schedule '{wanted[:80]}' here; choose one of: {labels}.",
            "scheduler",
        )
    return pair, note
