"""The Codes panel in a browser, on a small random model: a picture's map, and a cell put in."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from backend.contracts.capabilities import Capabilities
from backend.contracts.library import ModelEntry
from tests.modes.lab.looking import picture
from tests.tiny_codes import SIDE, tiny_codes
from tests.ui.conftest import PATIENCE_MS, Pages, open_tab, running
from ui.lab.codes import PANEL


def test_only_a_codebook_has_codes() -> None:
    assert PANEL.unfit(ModelEntry("sea", can=Capabilities(codes=8))) is None
    assert PANEL.unfit(ModelEntry("sea")) == "'sea' has no codebook; choose a VQModel folder here."


@pytest.mark.browser
def test_a_picture_has_a_map_and_a_cell_is_put_in(chromium: Browser, tmp_path: Path) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    tiny_codes(tmp_path / "models" / "checkpoints" / "codes")
    Image.fromarray(picture()).save(tmp_path / "ramp.png")
    flags = ("--models", str(tmp_path / "models"), "--dtype", "float32", "--device", "cpu")
    with running(tmp_path / "data", *flags, fake_step_s=None) as server:
        pages = Pages(chromium, server.url)
        try:
            page = pages()
            page.get_by_label("Model", exact=True).click()
            page.get_by_role("option", name="codes · Codes").click()
            open_tab(page, "Lab")
            page.locator("#lab-tab-codes").click()
            panel = page.locator(".lab-panel.lab-codes")
            expect(panel.locator(".inside.greyed")).to_have_count(0)
            panel.locator("input[type=file]").set_input_files(tmp_path / "ramp.png")
            cells = panel.locator(".lab-map button")
            expect(cells).to_have_count(SIDE * SIDE)
            expect(panel.locator(".lab-pictures figure")).to_have_count(3)
            first = panel.locator("[data-cell='0,1']")
            first.click()
            expect(first).to_have_attribute("aria-pressed", "true")
            panel.get_by_label("Code to put in").fill("7")
            panel.get_by_role("button", name="Put the code in").click()
            expect(first).to_have_attribute("title", "row 0, column 1: code 7")
        finally:
            pages.close()
        assert pages.problems == []
