"""What is painted over a picture becomes its mask and its colours, within bounds."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from ui.panels.painting import painted, sent_pictures

WIDTH, HEIGHT = 60, 40
Send = Callable[[np.ndarray], dict[str, str]]
GREY = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


@pytest.fixture
def send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Uploads pixels as a PNG."""
    monkeypatch.setattr("ui.server.uploads.get_upload_folder", lambda: str(tmp_path))

    def upload(pixels: np.ndarray) -> dict[str, str]:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.png"
        path.write_bytes(stream.getvalue())
        return {"path": str(path)}

    return upload


def mask(left: int, right: int) -> np.ndarray:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, left:right] = 255
    return pixels


def sketch(left: int, right: int, alpha: int = 255) -> np.ndarray:
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[:, left:right] = (200, 40, 20, alpha)
    return pixels


def test_a_painted_mask_is_the_mask_and_the_picture_stays(send: Send) -> None:
    sent = {"image": send(GREY), "painted": {"mask": send(mask(10, 20)), "sketch": None}}
    images = sent_pictures(sent, ("image",))
    np.testing.assert_array_equal(images["mask"], mask(10, 20))
    np.testing.assert_array_equal(images["image"], GREY)


def test_a_sketch_is_in_the_picture_and_masks_nothing(send: Send) -> None:
    images = sent_pictures(
        {"image": send(GREY), "painted": {"sketch": send(sketch(0, 5))}}, ("image",)
    )
    assert "mask" not in images
    assert images["image"][3, 3].tolist() == [200, 40, 20]
    np.testing.assert_array_equal(images["image"][:, 5:], GREY[:, 5:])


def test_only_there_masks_what_is_sketched_beside_what_is_masked(send: Send) -> None:
    layers = {"mask": send(mask(10, 20)), "sketch": send(sketch(0, 5, 60)), "only": True}
    images = sent_pictures({"image": send(GREY), "painted": layers}, ("image",))
    np.testing.assert_array_equal(images["mask"], np.maximum(mask(10, 20), mask(0, 5)))
    alone = {"image": send(GREY), "painted": {"sketch": layers["sketch"], "only": True}}
    np.testing.assert_array_equal(sent_pictures(alone, ("image",))["mask"], mask(0, 5))


def test_an_uploaded_mask_goes_before_a_painted_one(send: Send) -> None:
    sent = {
        "image": send(GREY),
        "mask": send(mask(40, 50)),
        "painted": {"mask": send(mask(10, 20))},
    }
    np.testing.assert_array_equal(sent_pictures(sent, ("image",))["mask"], mask(40, 50))


def test_nothing_painted_is_nothing(send: Send) -> None:
    assert painted(None) == painted({}) == painted({"mask": None, "sketch": None})
    assert set(sent_pictures({"image": send(GREY), "painted": None}, ("image",))) == {"image"}
    # Without a picture there is nothing to paint on.
    assert sent_pictures({"image": None, "painted": {"mask": send(mask(0, 9))}}, ("image",)) == {}


def test_layers_that_are_no_uploads_are_refused(send: Send) -> None:
    with pytest.raises(BadInput, match="path on the server"):
        painted({"mask": {"path": "/etc/hostname"}})
    with pytest.raises(BadInput, match="nothing usable"):
        painted({"sketch": 7})
