"""The loopback tab in a browser: a picture goes in, and each loop comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.ui.conftest import Pages, open_tab


@pytest.mark.browser
def test_every_loop_is_a_picture(pages: Pages, tmp_path: Path) -> None:
    page = pages()
    open_tab(page, "loopback")
    file = tmp_path / "source.png"
    Image.fromarray(np.full((64, 96, 3), 120, np.uint8)).save(file)
    page.locator("#loopback-image input[type=file]").set_input_files(file)
    expect(page.locator("#loopback-image img")).to_be_visible()
    loops = page.locator("#loopback-loops input[type=number]")
    loops.fill("3")
    loops.press("Tab")
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.loopback.value.state === 'done'")
    done = page.evaluate("loom.stages.loopback.value")
    assert len(done["results"]) == 3
