"""Strokes of one visitor are nobody else's: the editor keeps none, they come as uploads."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.components.image_editor import EditorDataBlobs
from PIL import Image
from playwright.sync_api import expect

from tests.ui.conftest import Pages, paint_mask
from ui.panels.mask_editor import mask_editor


def blob(number: int) -> Any:
    data = {"type": "layer", "index": "0", "id": str(number)}
    return SimpleNamespace(data=data, files=[("file", b"strokes")])


def test_ours_keeps_nothing() -> None:
    editor = mask_editor("test")
    for number in range(100):
        editor.accept_blobs(blob(number))
    assert len(editor.blob_storage) == 0


def test_gradio_still_keeps_everybodys() -> None:
    """Once this fails, its editor is bounded by itself: `strokes_as_uploads` can go."""
    editor = gr.ImageEditor()
    for number in range(100):
        editor.accept_blobs(blob(number))
    assert len(editor.blob_storage) == 100
    assert isinstance(editor.blob_storage["0"], EditorDataBlobs)


@pytest.mark.browser
def test_a_stroke_travels_as_an_upload(pages: Pages, tmp_path: Path) -> None:
    Image.new("RGB", (128, 96), (200, 60, 30)).save(tmp_path / "picture.png")
    page = pages()
    posted: list[str] = []
    page.on("request", lambda request: request.method == "POST" and posted.append(request.url))
    page.get_by_role("tab", name="img2img").click()
    # The editor takes no stroke before it has a picture to lie on.
    page.locator("#img2img-image input[type=file]").set_input_files(tmp_path / "picture.png")
    expect(page.locator("#img2img-image img").first).to_be_visible()
    page.locator("#img2img-mask > button").click()
    paint_mask(page)
    posted.clear()
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.img2img.value.state === 'done'")
    assert [url for url in posted if "/gradio_api/upload" in url]
    assert not [url for url in posted if "component_server" in url]
