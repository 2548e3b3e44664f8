"""From an upload and a mask to what the model sees, and back: outside the mask nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import Img2ImgSettings
from backend.pictures.canvas import base, prepare

RNG = np.random.default_rng(5)
UPLOAD = RNG.integers(0, 256, (96, 128, 3), dtype=np.uint8)
MASK = np.zeros((96, 128), np.uint8)
MASK[32:64, 48:96] = 255
PAINTED = np.full((96, 128, 3), 9, np.uint8)


def settings(**values: object) -> Img2ImgSettings:
    return Img2ImgSettings.model_validate({"width": 128, "height": 96, "mask_blur": 0} | values)


def test_without_a_mask_all_of_the_picture_is_drawn() -> None:
    canvas = prepare(settings(), UPLOAD)
    assert np.array_equal(canvas.source, UPLOAD)
    assert canvas.latent_mask(8) is None
    assert canvas.finish(PAINTED) is PAINTED


def test_outside_the_mask_the_upload_stays_bit_for_bit() -> None:
    canvas = prepare(settings(), UPLOAD, MASK)
    done = canvas.finish(PAINTED)
    inside = MASK > 0
    assert np.array_equal(done[~inside], UPLOAD[~inside])
    assert (done[inside] == 9).all()
    for factor, shape in ((8, (12, 16)), (16, (6, 8)), (1, (96, 128))):
        latent = canvas.latent_mask(factor)
        assert latent is not None
        assert latent.shape == shape


def test_an_inverted_mask_keeps_what_was_white() -> None:
    done = prepare(settings(mask_invert=True), UPLOAD, MASK).finish(PAINTED)
    inside = MASK > 0
    assert np.array_equal(done[inside], UPLOAD[inside])
    assert (done[~inside] == 9).all()


def test_only_the_masked_part_is_drawn_at_full_size_and_pasted_back() -> None:
    canvas = prepare(settings(only_masked=True, only_masked_padding=8), UPLOAD, MASK)
    assert canvas.box is not None
    assert canvas.box.left <= 40
    assert canvas.box.right >= 104
    assert canvas.source.shape == (96, 128, 3)
    done = canvas.finish(PAINTED)
    outside = MASK == 0
    assert np.array_equal(done[outside], UPLOAD[outside])
    assert not np.array_equal(done, UPLOAD)


def test_new_sides_are_to_be_drawn_and_the_rest_is_kept() -> None:
    wanted = settings(outpaint_left=16, outpaint_bottom=8)
    canvas = prepare(wanted, UPLOAD)
    assert canvas.original.shape == (104, 144, 3)
    assert np.array_equal(base(wanted, UPLOAD), canvas.original)
    assert canvas.mask is not None
    assert canvas.mask[:, :16].min() == 1
    assert canvas.mask[96:].min() == 1
    assert canvas.mask[:96, 16:].max() == 0
    done = canvas.finish(np.full((104, 144, 3), 9, np.uint8))
    assert np.array_equal(done[:96, 16:], UPLOAD)


def test_filling_changes_only_what_is_masked() -> None:
    canvas = prepare(settings(masked_content="fill"), UPLOAD, MASK)
    inside = MASK > 0
    assert np.array_equal(canvas.bare, UPLOAD)
    assert np.array_equal(canvas.source[~inside], UPLOAD[~inside])
    assert not np.array_equal(canvas.source[inside], UPLOAD[inside])


def test_only_masked_without_a_mask_is_refused() -> None:
    with pytest.raises(BadInput, match="needs a mask") as refused:
        prepare(settings(only_masked=True), UPLOAD)
    assert refused.value.field == "only_masked"
