"""The img2img tab in a real browser: a picture, a painted mask, a ladder, sending on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, paint_mask

pytestmark = pytest.mark.browser


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.zeros((96, 128, 3), np.uint8)
    pixels[:, :64] = (200, 60, 30)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def opened(pages: Pages, picture: Path) -> Page:
    page = pages()
    page.get_by_role("tab", name="img2img").click()
    page.locator("#img2img-image input[type=file]").set_input_files(picture)
    expect(page.locator("#img2img-image img").first).to_be_visible()
    return page


def generated(page: Page) -> dict[str, object]:
    page.locator("button.go:visible").click()
    ended = "['done', 'failed', 'stopped'].includes(loom.stages.img2img.value.state)"
    page.wait_for_function(
        f"loom.stages.img2img.value.job !== null && {ended} || "
        "loom.stages.img2img.value.state === 'failed'"
    )
    return page.evaluate("loom.stages.img2img.value")


def test_a_ladder_on_a_painted_mask_is_labelled_and_sent_on(pages: Pages, picture: Path) -> None:
    page = opened(pages, picture)
    ladder = page.get_by_label("Strength ladder")
    ladder.fill("0.3, 0.9")
    ladder.press("Tab")
    meaning = page.locator("#img2img-meaning")
    expect(meaning).to_contain_text("before step 15 of 20")
    expect(meaning).to_contain_text("6 steps to go")
    paint_mask(page)
    done = generated(page)
    assert done["state"] == "done", done
    results = done["results"]
    assert [r["label"].split(" · ")[0] for r in results] == ["strength 0.3", "strength 0.9"]
    # Outside the painted part the corners are the upload's own.
    corner = page.evaluate("""async () => {
        const image = new Image();
        image.src = loom.stages.img2img.value.results[1].url;
        await image.decode();
        const canvas = new OffscreenCanvas(image.width, image.height);
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        return [...context.getImageData(4, 4, 1, 1).data];
    }""")
    assert corner == [200, 60, 30, 255]
    send = page.locator(".stage:visible select.send")
    expect(send).to_be_enabled()
    before = page.locator("#img2img-image img").first.get_attribute("src")
    send.select_option("img2img")
    expect(page.locator("#img2img-image img").first).not_to_have_attribute("src", before or "")
    send.select_option("morph-image_b")
    expect(page.locator("#morph-image_b img").first).to_be_visible()
    expect(page.locator("#morph-image_a img")).to_have_count(0)


def test_without_a_picture_the_page_says_so(pages: Pages) -> None:
    page = pages()
    page.get_by_role("tab", name="img2img").click()
    failed = generated(page)
    assert failed["state"] == "failed"
    assert "no picture to start from" in str(failed["message"])


def test_the_start_of_the_run_is_shown_left_of_the_picture(pages: Pages, picture: Path) -> None:
    page = opened(pages, picture)
    start = page.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_hidden()
    assert generated(page)["state"] == "done"
    start.click()
    noised = page.get_by_alt_text("The noised picture that the run starts from")
    expect(noised).to_be_visible()
    result = page.locator("#img2img-stage .frame")
    left, right = noised.bounding_box(), result.bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] + left["width"] <= right["x"]
    start.click()
    expect(noised).to_be_hidden()
    page.get_by_role("tab", name="txt2img").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_hidden()
