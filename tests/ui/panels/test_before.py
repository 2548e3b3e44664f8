"""Before and after on the canvas, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.ui.conftest import Pages, open_tab
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser

WIPE = "#img2img-stage .wipe"


def test_what_a_result_was_made_from_lies_over_it(pages: Pages, tmp_path: Path) -> None:
    Image.new("RGB", (128, 96), (200, 60, 30)).save(tmp_path / "picture.png")
    page = pages()
    open_tab(page, "img2img")
    page.locator("#img2img-image input[type=file]").set_input_files(tmp_path / "picture.png")
    expect(page.locator("#img2img-image img").first).to_be_visible()
    before = page.get_by_role("button", name="Before", exact=True)
    expect(before).to_be_hidden()
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.img2img.value.state === 'done'")
    before.click()
    expect(page.locator(WIPE)).to_be_visible()
    assert serious(page) == []
    over, frame = page.locator(WIPE).bounding_box(), page.locator("#img2img-stage .frame")
    shown = frame.evaluate("img => img.naturalWidth / img.naturalHeight")
    assert over is not None
    assert over["width"] / over["height"] == pytest.approx(shown, rel=0.01)
    first = page.evaluate(
        """async selector => {
        const image = document.querySelector(selector), canvas = new OffscreenCanvas(8, 8);
        await image.decode();
        canvas.getContext("2d").drawImage(image, 0, 0, 8, 8);
        return [...canvas.getContext("2d").getImageData(4, 4, 1, 1).data];
    }""",
        f"{WIPE} img",
    )
    assert first == [200, 60, 30, 255]
    page.mouse.click(over["x"] + 0.25 * over["width"], over["y"] + over["height"] / 2)
    at = float(page.locator(f"{WIPE} input").input_value())
    assert at == pytest.approx(25, abs=3)
    page.keyboard.press("ArrowRight")
    assert float(page.locator(f"{WIPE} input").input_value()) > at
    # Another picture in the tab was not what this result began as: it says so instead.
    before.click()
    expect(page.locator(WIPE)).to_be_hidden()
    page.locator("#img2img-image").get_by_role("button", name="Remove Image").click()
    expect(page.locator("#img2img-image img")).to_have_count(0)
    before.click()
    expect(page.locator(".loom-note", has_text="nothing to lay over it")).to_be_visible()
    expect(before).to_have_attribute("aria-pressed", "false")
