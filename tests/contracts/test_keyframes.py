"""Keyframes as they are written: straight lines between points, and a sentence for what is none."""

from __future__ import annotations

import pytest

from backend.contracts.keyframes import EXAMPLE, Track, tracks_of


def test_values_lie_on_straight_lines_between_the_points() -> None:
    (track,) = tracks_of("ink: 0.25=1, 0.75=0")
    assert [track.at(place) for place in (0, 0.25, 0.5, 0.6, 0.75, 1)] == pytest.approx(
        [1, 1, 0.5, 0.3, 0, 0]
    )


def test_a_line_for_each_slider_in_any_order_of_points() -> None:
    text = "guidance_scale: 1=4, 0=8\n my: lora : 0.5 = -1 ; "
    assert tracks_of(text) == (
        Track("guidance_scale", ((0.0, 8.0), (1.0, 4.0))),
        Track("my: lora", ((0.5, -1.0),)),
    )
    assert tracks_of("") == ()
    assert tracks_of(EXAMPLE)[0].at(0.5) == 0.2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ink", "written like"),
        ("ink:", "written like"),
        (": 0=1", "written like"),
        ("ink: 0", "a place of the clip"),
        ("ink: 2=1", "a place of the clip"),
        ("ink: 0=nan", "a place of the clip"),
        ("ink: a=1", "a place of the clip"),
        ("ink: 0=1; ink: 1=0", "two lines"),
    ],
)
def test_what_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tracks_of(text)
