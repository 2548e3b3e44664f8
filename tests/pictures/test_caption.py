"""Lines below a picture."""

from __future__ import annotations

import numpy as np

from backend.pictures.caption import captioned

PICTURE = np.random.default_rng(1).integers(0, 256, (40, 64, 3), dtype=np.uint8)


def test_the_picture_stays_and_the_lines_stand_below() -> None:
    made = captioned(PICTURE, ["12.3", "a line that is far too long for so small a picture"])
    assert (made[:40] == PICTURE).all()
    assert made.shape[1] == 64
    strip = made[40:].astype(int)
    assert len(strip) == 2 * round(8.0 * 1.3)
    assert strip.min() < 128
    assert (strip[:, [0, -1]] > 128).all(axis=(0, 2)).any()


def test_lines_without_text_are_blank() -> None:
    assert (captioned(PICTURE, [""])[40:] == 255).all()
    assert captioned(PICTURE, []).shape == PICTURE.shape
