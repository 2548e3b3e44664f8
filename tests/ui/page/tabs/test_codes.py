"""The Codes tab in a browser, on a small random model: a step of the timeline is a cell."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.tiny_codes import SIDE, tiny_codes
from tests.ui.conftest import PATIENCE_MS, Pages, open_tab, running


@pytest.mark.browser
def test_cells_are_drawn_and_kept_on_the_timeline(chromium: Browser, tmp_path: Path) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    tiny_codes(tmp_path / "models" / "checkpoints" / "codes")
    flags = ("--models", str(tmp_path / "models"), "--dtype", "float32", "--device", "cpu")
    with running(tmp_path / "data", *flags, fake_step_s=None) as server:
        pages = Pages(chromium, server.url)
        try:
            page = pages()
            open_tab(page, "Codes")
            page.get_by_label("Model", exact=True).click()
            page.get_by_role("option", name="codes · Codes").click()
            page.locator("#codes-prompt textarea").fill("a red house")
            page.locator("button.go:visible").click()
            page.wait_for_function("['done', 'failed'].includes(loom.stages.codes.value.state)")
            assert page.evaluate("loom.stages.codes.value.message") == ""
            done = page.evaluate("loom.stages.codes.value")
            assert done["timeline"]["steps"] == SIDE * SIDE
            assert len(done["results"]) == 1
        finally:
            pages.close()
        assert pages.problems == []
