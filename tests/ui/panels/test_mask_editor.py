"""Strokes of the page's editor become a mask, within bounds."""

from __future__ import annotations

import io

import numpy as np
import pytest
from gradio.components.image_editor import EditorDataBlobs
from PIL import Image

from backend.contracts.errors import BadInput
from ui.panels.mask_editor import KEPT, MAX_LAYERS, MAX_SIDE_PX, backdrop, mask_editor, painted


def layer(*boxes: tuple[int, int, int, int], alpha: int = 255) -> bytes:
    """A PNG of 60 x 40 px as the editor sends it: strokes on nothing."""
    pixels = np.zeros((40, 60, 4), np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = (255, 0, 168, alpha)
    stream = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(stream, "PNG")
    return stream.getvalue()


def sent(*layers: bytes) -> tuple[object, dict[str, str]]:
    editor = mask_editor("test")
    editor.blob_storage["a"] = EditorDataBlobs(background=None, layers=list(layers), composite=None)
    return editor, {"id": "a"}


def test_strokes_are_white_and_layers_add_up() -> None:
    mask = painted(*sent(layer((0, 0, 10, 10)), layer((20, 20, 30, 30))))  # type: ignore[arg-type]
    assert mask is not None
    assert mask.shape == (40, 60, 3)
    assert mask[5, 5].tolist() == mask[25, 25].tolist() == [255] * 3
    assert mask.sum() == 2 * 100 * 3 * 255


def test_a_faint_stroke_counts_in_part() -> None:
    mask = painted(*sent(layer((0, 0, 10, 10), alpha=128)))  # type: ignore[arg-type]
    assert mask is not None
    assert abs(int(mask[5, 5, 0]) - 128) <= 1


def test_nothing_painted_is_no_mask() -> None:
    assert painted(*sent(layer())) is None  # type: ignore[arg-type]
    assert painted(*sent()) is None  # type: ignore[arg-type]
    assert painted(mask_editor("test"), None) is None


def test_strokes_that_are_gone_or_too_many_are_refused() -> None:
    with pytest.raises(BadInput, match="paint once more"):
        painted(mask_editor("test"), {"id": "unknown"})
    with pytest.raises(BadInput, match="at most"):
        painted(*sent(*[layer()] * (MAX_LAYERS + 1)))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="path on the server"):
        painted(mask_editor("test"), {"layers": [{"path": "/etc/hostname"}]})


def test_the_editor_keeps_few_strokes() -> None:
    editor = mask_editor("test")
    for number in range(KEPT + 8):
        editor.blob_storage[str(number)] = EditorDataBlobs(
            background=None, layers=[], composite=None
        )
    assert len(editor.blob_storage) == KEPT
    assert "0" not in editor.blob_storage


def test_the_backdrop_is_small_and_of_the_same_shape() -> None:
    value = backdrop(np.zeros((1000, 3000, 3), np.uint8))
    assert value is not None
    assert value["background"].shape == (MAX_SIDE_PX // 3, MAX_SIDE_PX, 3)
    assert backdrop(None) is None
