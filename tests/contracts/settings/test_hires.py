"""The size of hires fix's second stage lies on the latents' grid."""

from __future__ import annotations

import pytest

from backend.contracts.settings.hires import STANDARD_GRID_PX, enlarged_px


@pytest.mark.parametrize(
    ("side", "scale", "expected"), [(256, 2.0, 512), (256, 1.05, 272), (200, 1.5, 304), (8, 1.0, 8)]
)
def test_a_side_is_enlarged_to_the_nearest_of_the_grid(
    side: int, scale: float, expected: int
) -> None:
    assert enlarged_px(side, scale) == expected


def test_every_side_stays_on_the_grid_and_never_shrinks_to_nothing() -> None:
    for side in range(1, 200):
        for scale in (1.0, 1.1, 1.33, 2.0, 4.0):
            found = enlarged_px(side, scale)
            assert found % STANDARD_GRID_PX == 0
            assert found >= STANDARD_GRID_PX
            assert found == STANDARD_GRID_PX or abs(found - side * scale) <= STANDARD_GRID_PX / 2
