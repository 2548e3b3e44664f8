"""Samplers and schedules under the field's other names."""

from __future__ import annotations

import pytest

from backend.recipes.a1111_names import SAMPLERS, SCHEDULES, sampler_and_schedule
from tests.samplers import SCHEDULES_OF


@pytest.mark.parametrize(
    ("sampler", "schedule"),
    [(sampler, schedule) for sampler, names in SCHEDULES_OF.items() for schedule in names],
)
def test_every_pair_of_ours_comes_back(sampler: str, schedule: str) -> None:
    wanted = {"sampler": sampler, "schedule": schedule}
    assert sampler_and_schedule(SAMPLERS[sampler], SCHEDULES[schedule]) == (wanted, None)
    assert sampler_and_schedule(sampler, schedule) == (wanted, None)


@pytest.mark.parametrize(
    ("written", "schedule", "pair"),
    [
        ("DPM++ 2M Karras", None, ("dpmpp_2m", "karras")),
        ("DPM++ 2M SDE Exponential", None, ("dpmpp_2m_sde", "exponential")),
        ("DPM++ 2M", "Automatic", ("dpmpp_2m", "karras")),
        ("DPM++ 2M SDE", "automatic", ("dpmpp_2m_sde", "exponential")),
        ("Euler", "Automatic", ("euler", "model")),
        (" euler ANCESTRAL ", None, ("euler_a", "model")),
        ("k_lms", "", ("lms", "model")),
    ],
)
def test_what_other_tools_write_is_understood(
    written: str, schedule: str | None, pair: tuple[str, str]
) -> None:
    assert sampler_and_schedule(written, schedule) == (
        {"sampler": pair[0], "schedule": pair[1]},
        None,
    )


@pytest.mark.parametrize(
    ("written", "schedule", "schedule_here", "said"),
    [
        ("Restart", None, None, "'Restart' is not known"),
        ("Euler", "Beta", "model", "'Beta' is not known"),
        ("DDIM", "Karras", "model", "has no schedule"),
        ("Euler", "Normal", "model", "is the nearest"),
        ("DPM++ 2M SDE Heun", None, "model", "is the nearest"),
    ],
)
def test_what_cannot_be_kept_is_said(
    written: str, schedule: str | None, schedule_here: str | None, said: str
) -> None:
    pair, note = sampler_and_schedule(written, schedule)
    assert pair.get("schedule") == schedule_here
    assert note is not None
    assert said in note


def test_ddim_has_one_schedule_whatever_it_is_called() -> None:
    assert sampler_and_schedule("DDIM", "DDIM") == ({"sampler": "ddim", "schedule": "model"}, None)
