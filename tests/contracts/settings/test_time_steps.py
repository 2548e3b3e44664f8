"""Time steps of a run's own: IF's lists are diffusers', and what is no list is refused."""

from __future__ import annotations

import pytest
from diffusers.pipelines.deepfloyd_if import timesteps as theirs

from backend.contracts.settings.time_steps import PRESETS, check_count, listed


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_are_diffusers(name: str) -> None:
    assert list(listed(name.upper())) == getattr(theirs, f"{name}_timesteps")


def test_numbers_may_stand_as_one_likes() -> None:
    assert listed("999, 800;0") == listed(" 999 800\n0 ") == (999, 800, 0)
    assert listed("  ") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fast28", "or one of: fast27"),
        ("1, -2", "falling numbers"),
        ("100, 100", "must fall"),
        ("1, 2", "must fall"),
        ("٣", "falling numbers"),
    ],
)
def test_what_is_no_list_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        listed(text)


def test_a_list_has_as_many_as_there_are_steps() -> None:
    check_count("fast27", 27)
    check_count("", 5)
    with pytest.raises(ValueError, match="lists 27 and steps is 20; set steps to 27"):
        check_count("fast27", 20)
