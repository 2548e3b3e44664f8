"""The easel in a real browser: a mask and a colour sketch painted on the big canvas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, open_tab, stroke
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser

EASEL = "#img2img-stage .easel"


KEPT = """() => new Promise((done) => {
    const asked = indexedDB.open('loom', 1);
    asked.onerror = () => done(false);
    asked.onsuccess = () => {
        const store = asked.result.transaction('pictures').objectStore('pictures');
        const marks = store.get('img2img.marks'), there = store.count('img2img');
        store.transaction.oncomplete = () => {
            asked.result.close();
            done(there.result === 1 && marks.result?.length > 0);
        };
    };
})"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.full((256, 256, 3), (40, 120, 200), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "blue.png")
    return tmp_path / "blue.png"


def put(page: Page, path: Path) -> None:
    page.locator("#img2img-image input[type=file]").set_input_files(path)
    expect(page.locator("#img2img-image img").first).to_be_visible()
    page.wait_for_function(
        "loom.easels.img2img?.share && document.querySelector('.easel img').naturalWidth"
    )


def painting(page: Page, path: Path) -> None:
    open_tab(page, "img2img")
    put(page, path)
    page.locator("#img2img-painted .paint").click()
    expect(page.locator(EASEL)).to_be_visible()


def mask_share(page: Page) -> float:
    return float(page.evaluate("loom.easels.img2img.share().mask"))


def pixel(page: Page, x: int, y: int) -> list[int]:
    """Of the result that is shown."""
    return page.evaluate(
        """async ([x, y]) => {
        const image = new Image();
        image.src = loom.stages.img2img.value.results[0].url;
        await image.decode();
        const canvas = new OffscreenCanvas(image.width, image.height);
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        return [...context.getImageData(x, y, 1, 1).data].slice(0, 3);
    }""",
        [x, y],
    )


def test_a_mask_is_painted_with_brush_lasso_and_eraser(pages: Pages, picture: Path) -> None:
    page = pages()
    painting(page, picture)
    assert serious(page) == []
    stroke(page, "img2img", (0.1, 0.2), (0.9, 0.2))
    brushed = mask_share(page)
    assert 0.05 < brushed < 0.2
    page.keyboard.press("l")
    stroke(page, "img2img", (0.25, 0.5), (0.75, 0.5), (0.75, 1.0), (0.25, 1.0))
    assert mask_share(page) == pytest.approx(brushed + 0.25, abs=0.02)
    page.keyboard.press("Control+z")
    assert mask_share(page) == pytest.approx(brushed)
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("b")
    stroke(page, "img2img", (0.1, 0.2), (0.9, 0.2), button="right")
    assert mask_share(page) == pytest.approx(0.25, abs=0.02)
    size = page.locator(f"{EASEL} .size output").inner_text()
    page.keyboard.press("]")
    expect(page.locator(f"{EASEL} .size output")).not_to_have_text(size)
    expect(page.locator("#img2img-painted .clear-mask")).to_have_text("mask 25 % ×")
    expect(
        page.locator("button.go:visible").locator("xpath=../..").locator(".sum")
    ).to_contain_text("mask 25 %")
    # The form's own undo is left alone, and so is the picture when the mask is cleared.
    page.locator("#img2img-painted .clear-mask").click()
    assert mask_share(page) == 0
    expect(page.locator("#img2img-image img").first).to_be_visible()
    page.locator(f"{EASEL} .undo").click()
    assert mask_share(page) == pytest.approx(0.25, abs=0.02)
    page.keyboard.press("Escape")
    expect(page.locator(EASEL)).to_be_hidden()
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.img2img.value.state === 'done'")
    assert pixel(page, 20, 50) == [40, 120, 200]  # where the eraser was
    assert pixel(page, 128, 200) != [40, 120, 200]
    # What was painted waits for the next picture, and goes on it when that is wanted.
    Image.new("RGB", (256, 256), (9, 9, 9)).save(picture)
    page.locator("#img2img-image").get_by_role("button", name="Remove Image").click()
    expect(page.locator("#img2img-painted .easel-door")).to_be_hidden()
    put(page, picture)
    assert mask_share(page) == 0
    page.get_by_role("button", name="Put it on this one").click()
    page.wait_for_function("loom.easels.img2img.share().mask > 0.2")
    # Picture and strokes outlive a reload; an empty canvas shows the picture.
    page.wait_for_function(KEPT)
    page.evaluate("localStorage.removeItem('loom.job.img2img')")
    pages.reload(page)
    open_tab(page, "img2img")
    page.wait_for_function("loom.easels.img2img?.share().mask > 0.2")
    expect(page.locator("#img2img-image img").first).to_be_visible()
    expect(page.locator("#img2img-stage .given")).to_be_visible()


def test_near_and_far_and_colours_that_a_run_starts_from(pages: Pages, picture: Path) -> None:
    page = pages()
    painting(page, picture)
    far = float(page.locator(EASEL).get_attribute("data-scale") or 0)
    middle = page.locator(f"{EASEL} .room").bounding_box()
    assert middle is not None
    page.mouse.move(middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2)
    page.mouse.wheel(0, -400)
    page.wait_for_function(
        "far => Number(document.querySelector('#img2img-stage .easel').dataset.scale) > 2 * far",
        arg=far,
    )
    before = page.locator(f"{EASEL} .sheet").bounding_box()
    page.keyboard.down("Space")
    page.mouse.down()
    page.mouse.move(
        middle["x"] + middle["width"] / 2 + 40, middle["y"] + middle["height"] / 2 + 25, steps=3
    )
    page.mouse.up()
    page.keyboard.up("Space")
    after = page.locator(f"{EASEL} .sheet").bounding_box()
    assert before is not None
    assert after is not None
    assert (round(after["x"] - before["x"]), round(after["y"] - before["y"])) == (40, 25)
    assert page.evaluate("loom.easels.img2img.words()") == ""  # that painted nothing
    page.keyboard.press("0")
    page.keyboard.press("s")
    page.locator(f"{EASEL} .tint input").fill("#ff2010")
    page.locator(f"{EASEL} .only input").check()
    stroke(page, "img2img", (0.2, 0.5), (0.5, 0.5))
    page.keyboard.down("Shift")  # a straight line from there
    stroke(page, "img2img", (0.8, 0.5))
    page.keyboard.up("Shift")
    assert page.evaluate("loom.easels.img2img.words()") == "colour sketch"
    page.keyboard.press("i")
    stroke(page, "img2img", (0.7, 0.5))
    expect(page.locator(f"{EASEL} .tint input")).to_have_value("#ff2010")
    page.keyboard.down("Alt")
    stroke(page, "img2img", (0.5, 0.1))
    page.keyboard.up("Alt")
    expect(page.locator(f"{EASEL} .tint input")).to_have_value("#2878c8")
    page.locator("button.go:visible").click()
    expect(page.locator(EASEL)).to_be_hidden()
    page.wait_for_function("loom.stages.img2img.value.state === 'done'")
    assert pixel(page, 128, 20) == [40, 120, 200]  # only where it is sketched
    assert pixel(page, 128, 128) != [40, 120, 200]


def test_the_frame_of_outpainting_is_dragged_on_the_canvas(pages: Pages, picture: Path) -> None:
    page = pages()
    painting(page, picture)
    page.keyboard.press("f")
    right = page.get_by_role("slider", name="Extend: right")
    box = right.bounding_box()
    around = page.locator(f"{EASEL} .outpaint-frame").bounding_box()
    assert box is not None
    assert around is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + around["width"] / 4, y, steps=4)
    page.mouse.up()
    field = page.locator("#img2img-outpaint_right input[type=number]")
    page.wait_for_function("loom.forms.img2img.last.outpaint_right === 64")
    right.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("loom.forms.img2img.last.outpaint_right === 80")
    assert serious(page) == []
    page.keyboard.press("m")
    expect(page.locator(f"{EASEL} .outpaint-frame")).to_be_visible()  # it is still there to see
    page.locator("#img2img-outpaint > button").click()
    expect(field).to_have_value("80")
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.img2img.value.state === 'done'")
    assert page.evaluate("loom.stages.img2img.value.results[0].width") == 256 + 80


def test_a_finger_paints_and_two_zoom_on_a_phone(pages: Pages, picture: Path) -> None:
    page = pages(width=420, dark=True)
    painting(page, picture)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious(page) == []
    fingers = """([room, events]) => {
        for (const [name, id, x, y] of events) room.dispatchEvent(new PointerEvent(name, {
            pointerId: id, pointerType: "touch", clientX: x, clientY: y, bubbles: true }));
    }"""
    room = page.locator(f"{EASEL} .room")
    room.evaluate("room => { room.setPointerCapture = () => {}; }")
    box = room.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    one = [
        ["pointerdown", 1, x - 60, y],
        ["pointermove", 1, x + 60, y],
        ["pointerup", 1, x + 60, y],
    ]
    room.evaluate(f"(room, events) => ({fingers})([room, events])", one)
    painted = mask_share(page)
    assert painted > 0
    far = float(page.locator(EASEL).get_attribute("data-scale") or 0)
    two = [
        ["pointerdown", 1, x - 20, y],
        ["pointerdown", 2, x + 20, y],
        ["pointermove", 1, x - 60, y],
        ["pointermove", 2, x + 60, y],
        ["pointerup", 1, x - 60, y],
        ["pointerup", 2, x + 60, y],
    ]
    room.evaluate(f"(room, events) => ({fingers})([room, events])", two)
    assert float(page.locator(EASEL).get_attribute("data-scale") or 0) > 1.5 * far
    assert mask_share(page) == pytest.approx(painted)
