"""What one request may take."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.pictures.budget import Budget, Pool
from backend.pictures.decode import decode


def test_it_refuses_what_is_not_left_and_keeps_the_rest() -> None:
    budget = Budget(10)
    budget.take(7)
    with pytest.raises(BadInput, match="send fewer or smaller pictures") as error:
        budget.take(4, "mask")
    assert error.value.field == "mask"
    assert budget.left_bytes == 3
    budget.take(3)


def test_pixels_are_taken_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(buffer, "png")
    budget = Budget(1800)
    decode(buffer.getvalue(), budget=budget)
    assert budget.left_bytes == 0
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(BadInput, match="send fewer"):
        decode(buffer.getvalue(), budget=budget)


def test_all_requests_together_take_no_more_than_there_is_and_give_it_back() -> None:
    pool = Pool(10)
    one, other = Budget(8, pool), Budget(8, pool)
    one.take(7)
    with pytest.raises(BadInput, match="try again in a moment"):
        other.take(4)
    other.take(3)
    del one
    other.take(4)
    assert other.left_bytes == 1
