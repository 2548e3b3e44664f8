"""Colours as text."""

from __future__ import annotations

import pytest

from backend.contracts.settings.colours import palette_of, places_of, rgb


def test_a_colour() -> None:
    assert rgb("#ff0033") == rgb("ff0033") == (1.0, 0.0, 0.2)
    for text in ("#ff003", "red", "#ff00331", ""):
        with pytest.raises(ValueError, match="no colour"):
            rgb(text)


def test_a_palette_has_shares_of_one() -> None:
    assert palette_of("#ffffff:3 000000") == (((1.0, 1.0, 1.0), 0.75), ((0.0, 0.0, 0.0), 0.25))
    for text, why in (
        ("", "1 to 16 colours"),
        ("#ffffff " * 17, "1 to 16 colours"),
        ("#ffffff:x", "no colour of a palette"),
        ("#ffffff:0", "share above 0"),
    ):
        with pytest.raises(ValueError, match=why):
            palette_of(text)


def test_places_are_a_grid() -> None:
    white = (1.0, 1.0, 1.0)
    assert places_of("ffffff . / . ffffff") == ((white, None), (None, white))
    for text, why in (
        ("", "rows of one length"),
        ("ffffff / . .", "rows of one length"),
        (" . " * 17, "rows of one length"),
        (". . / . .", "paint one"),
        ("white .", "no colour"),
    ):
        with pytest.raises(ValueError, match=why):
            places_of(text)
