"""Strokes of the page's editor become a mask, within bounds."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from ui.panels.mask_editor import MAX_LAYERS, MAX_SIDE_PX, backdrop, painted


def layer(*boxes: tuple[int, int, int, int], alpha: int = 255) -> bytes:
    """A PNG of 60 x 40 px as the editor sends it: strokes on nothing."""
    pixels = np.zeros((40, 60, 4), np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = (255, 0, 168, alpha)
    stream = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Makes what the editor sends: its layers as uploads."""
    monkeypatch.setattr("ui.server.uploads.get_upload_folder", lambda: str(tmp_path))

    def upload(*layers: bytes) -> dict[str, Any]:
        paths = [tmp_path / f"layer_{number}.png" for number in range(len(layers))]
        for path, content in zip(paths, layers, strict=True):
            path.write_bytes(content)
        return {"background": None, "layers": [{"path": str(path)} for path in paths]}

    return upload


Sent = Callable[..., dict[str, Any]]


def test_strokes_are_white_and_layers_add_up(sent: Sent) -> None:
    mask = painted(sent(layer((0, 0, 10, 10)), layer((20, 20, 30, 30))))
    assert mask is not None
    assert mask.shape == (40, 60, 3)
    assert mask[5, 5].tolist() == mask[25, 25].tolist() == [255] * 3
    assert mask.sum() == 2 * 100 * 3 * 255


def test_a_faint_stroke_counts_in_part(sent: Sent) -> None:
    mask = painted(sent(layer((0, 0, 10, 10), alpha=128)))
    assert mask is not None
    assert abs(int(mask[5, 5, 0]) - 128) <= 1


def test_nothing_painted_is_no_mask(sent: Sent) -> None:
    assert painted(sent(layer())) is None
    assert painted(sent()) is None
    assert painted(None) is None
    untouched = {"background": None, "layers": [], "composite": None, "id": None}
    assert painted(untouched) is None  # the fold was never open


def test_strokes_that_are_gone_or_too_many_are_refused(sent: Sent) -> None:
    with pytest.raises(BadInput, match="paint once more"):
        painted({"id": "unknown"})
    with pytest.raises(BadInput, match="at most"):
        painted(sent(*[layer()] * (MAX_LAYERS + 1)))
    with pytest.raises(BadInput, match="path on the server"):
        painted({"layers": [{"path": "/etc/hostname"}]})


def test_the_backdrop_is_small_and_of_the_same_shape() -> None:
    value = backdrop(np.zeros((1000, 3000, 3), np.uint8))
    assert value is not None
    assert value["background"].shape == (MAX_SIDE_PX // 3, MAX_SIDE_PX, 3)
    assert backdrop(None) is None
