"""A run of several pictures on the whole canvas, finished or stopped; in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages, start, wait_state
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser

STAGE = "#txt2img-stage"
SEED = 4_294_967_290  # as long as they get

# Thumbs that are cut off, and how far the actions go below the window.
OUT_OF_SIGHT = """() => {
    const strip = document.querySelector("#txt2img-stage .strip").getBoundingClientRect();
    const thumbs = [...document.querySelectorAll("#txt2img-stage .thumb")];
    const cut = thumbs.filter((one) => one.getBoundingClientRect().right > strip.right + 1);
    const row = document.querySelector("#txt2img-stage .actions").getBoundingClientRect();
    return [cut.length, Math.max(0, Math.round(row.bottom - innerHeight))];
}"""


# How far the button that opens a picture is from the lower right corner of the last tile.
FROM_THE_CORNER = """() => {
    const tiles = [...document.querySelectorAll("#txt2img-stage .tiles .cell")];
    const tile = tiles.at(-1).getBoundingClientRect();
    const shown = [...document.querySelectorAll("#txt2img-stage .canvas button")]
        .filter((one) => one.textContent === "⤢" && one.offsetWidth);
    const open = shown[0].getBoundingClientRect();
    const right = tile.right - open.right, below = tile.bottom - open.bottom;
    return right >= 0 && right < 24 && below >= 0 && below < 24;
}"""


def test_a_batch_fills_the_canvas_and_each_picture_opens(pages: Pages) -> None:
    page = pages()
    start(page, "four boats", steps=3, batch_size=4, seed=SEED)
    wait_state(page, "done")
    cells = page.locator(f"{STAGE} .tiles .cell")
    expect(cells).to_have_text([f"seed {SEED + place}" for place in range(4)])
    expect(page.locator(f"{STAGE} .frame")).to_be_hidden()
    canvas, last = page.locator(f"{STAGE} .canvas").bounding_box(), cells.last.bounding_box()
    assert canvas is not None
    assert last is not None
    assert last["height"] > 0.45 * canvas["height"]
    assert last["y"] + last["height"] <= canvas["y"] + canvas["height"] + 1
    assert serious(page) == []
    cells.nth(2).click()
    expect(page.locator(f"{STAGE} .frame")).to_be_visible()
    expect(page.locator(f"{STAGE} .seed b")).to_have_text(str(SEED + 2))
    page.get_by_role("button", name="All", exact=True).click()
    expect(cells.nth(2)).to_have_attribute("aria-pressed", "true")
    page.locator(f"{STAGE} .canvas").evaluate("() => document.activeElement.blur()")
    page.keyboard.press("Space")
    expect(page.locator(".lightbox .foot .words")).to_contain_text(f"seed {SEED + 2}")
    page.keyboard.press("Escape")
    page.locator(f"{STAGE} .thumb").nth(1).click()
    expect(page.locator(f"{STAGE} .frame")).to_have_attribute(
        "alt", f"Picture 2 of 4, seed {SEED + 1}"
    )
    expect(page.locator(f"{STAGE} .tiles")).to_be_hidden()
    for width in (1400, 1200, 950):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_function(f"String(({OUT_OF_SIGHT})()) === '0,0'")
    page.get_by_role("button", name="All", exact=True).click()
    for width in (420, 1400):  # what belongs to the tiles goes where they go
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(FROM_THE_CORNER)
    page.reload()
    expect(cells).to_have_count(4)
    page.wait_for_function(FROM_THE_CORNER)


def test_a_stopped_batch_keeps_all_its_pictures(pages: Pages) -> None:
    page = pages()
    start(page, "a long way for three", steps=150, batch_size=3)
    wait_state(page, "running")
    page.wait_for_function("loom.stages.txt2img.value.step > 1")
    page.keyboard.press("Escape")
    wait_state(page, "stopped")
    cells = page.locator(f"{STAGE} .tiles .cell")
    expect(cells).to_have_count(3)
    expect(cells.nth(1)).to_contain_text("picture 2 · step")
    page.wait_for_function(
        f"[...document.querySelectorAll('{STAGE} .tiles img')].every(one => one.naturalWidth)"
    )
    cells.nth(1).click()
    frame = page.locator(f"{STAGE} .frame")
    expect(frame).to_be_visible()
    expect(frame).to_have_attribute("alt", re.compile("picture 2 .*as far as it came"))
    second = frame.get_attribute("src")
    page.locator(f"{STAGE} .thumb").nth(2).click()
    expect(frame).not_to_have_attribute("src", str(second))
