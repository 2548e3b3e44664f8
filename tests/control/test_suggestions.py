from __future__ import annotations

import itertools

import numpy as np
import pytest

from backend.contracts.settings import StyleTransferSettings
from backend.control.canny import Canny
from backend.control.obedience import Obedience
from backend.control.suggestions import suggest

NONE = np.zeros((4, 4), bool)


def found(recall: float, precision: float = 0.9, density: float = 0.06) -> Obedience:
    return Obedience(recall, precision, density, NONE, NONE, NONE)


@pytest.mark.parametrize(
    ("recall", "scale", "wanted"),
    [
        (0.6, 1.0, 1.25),
        (0.2, 1.0, 1.5),
        (0.2, 0.0, 0.5),
        (0.2, 1.75, 2.0),
        (0.6, 1.9, 2.0),
    ],
)
def test_lost_edges_ask_for_more_scale(recall: float, scale: float, wanted: float) -> None:
    first = suggest(found(recall), scale, Canny())[0]
    assert first.changes == {"control_scale": wanted}
    assert f"{100 - 100 * recall:.0f} % of the edges were lost" in first.sentence
    assert f"{wanted:g}" in first.sentence


def test_at_full_scale_nothing_more_is_offered() -> None:
    assert suggest(found(0.3), 2.0, Canny()) == ()


def test_a_picture_that_obeys_well_gets_no_suggestion() -> None:
    assert suggest(found(0.85), 1.0, Canny()) == ()


def test_a_picture_that_obeys_too_well_may_get_more_room() -> None:
    (only,) = suggest(found(0.98), 1.0, Canny())
    assert only.changes == {"control_scale": 0.75}
    assert suggest(found(0.98), 0.5, Canny()) == ()


def test_a_control_full_of_edges_asks_for_higher_thresholds_first() -> None:
    first, second = suggest(found(0.5, density=0.2), 1.0, Canny(100, 160))
    assert first.changes == {"canny_low": 160, "canny_high": 250}
    assert "160 / 250" in first.sentence
    assert second.changes == {"control_scale": 1.25}


def test_new_edges_over_a_sparse_control_ask_for_lower_thresholds() -> None:
    first, *_ = suggest(found(0.9, precision=0.3, density=0.01), 1.0, Canny())
    assert first.changes == {"canny_low": 50, "canny_high": 100}
    assert suggest(found(0.9, precision=0.3, density=0.08), 1.0, Canny()) == ()


def test_an_empty_control_asks_for_lower_thresholds_only() -> None:
    (only,) = suggest(found(1.0, density=0.0), 1.0, Canny())
    assert only.changes == {"canny_low": 50, "canny_high": 100}
    assert "no edges" in only.sentence
    assert suggest(found(1.0, density=0.0), 1.0, None) == ()


def test_thresholds_are_left_alone_where_another_detector_drew() -> None:
    for density, recall in itertools.product((0.0, 0.01, 0.3), (0.1, 0.9)):
        for suggestion in suggest(found(recall, 0.2, density), 1.0, None):
            assert set(suggestion.changes) == {"control_scale"}


def test_every_suggestion_is_a_sentence_that_the_settings_accept_and_that_changes_them() -> None:
    shares = (0.0, 0.3, 0.65, 0.9, 1.0)
    cannies = (Canny(), Canny(0, 0), Canny(255, 255), Canny(150, 255), Canny(10, 21))
    for recall, precision, density, scale, canny in itertools.product(
        shares, shares, (0.0, 0.01, 0.06, 0.3), (0.0, 0.8, 1.0, 1.9, 2.0), cannies
    ):
        made = suggest(found(recall, precision, density), scale, canny)
        assert len(made) <= 2
        for suggestion in made:
            assert suggestion.sentence[0].isupper() or suggestion.sentence[0].isdigit()
            assert suggestion.sentence.endswith(".")
            present = {"control_scale": scale, "canny_low": canny.low, "canny_high": canny.high}
            after = present | suggestion.changes
            assert after != present
            StyleTransferSettings.model_validate(after)
