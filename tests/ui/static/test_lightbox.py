"""The lightbox in a real browser: by click and by Space, pixels, arrows, while a run goes on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages, start, wait_state
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser


def test_pictures_at_full_size_while_a_run_goes_on(pages: Pages) -> None:
    page = pages()
    start(page, "two boats", steps=3, batch_size=2, seed=7)
    wait_state(page, "done")
    box = page.locator(".lightbox")
    page.locator("#txt2img-stage .tiles .cell").first.click()
    page.locator("#txt2img-stage .frame").click()
    expect(box).to_be_visible()
    expect(box.locator(".words")).to_contain_text("seed 7 · 256 × 256 · 1 of 2")
    page.wait_for_function("Number(document.querySelector('.lightbox').dataset.scale) > 3")
    assert serious(page) == []
    page.keyboard.press("ArrowRight")
    expect(box.locator(".words")).to_contain_text("seed 8")
    expect(box.get_by_role("button", name="Next picture")).to_be_disabled()
    fit = float(box.get_attribute("data-scale") or 0)
    page.mouse.click(500, 400)
    page.wait_for_function(
        "fit => Number(document.querySelector('.lightbox').dataset.scale) > 1.5 * fit", arg=fit
    )
    before = box.locator("img").bounding_box()
    page.mouse.move(500, 400)
    page.mouse.down()
    page.mouse.move(560, 430, steps=3)
    page.mouse.up()
    after = box.locator("img").bounding_box()
    assert before is not None
    assert after is not None
    assert (round(after["x"] - before["x"]), round(after["y"] - before["y"])) == (60, 30)
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    start(page, "a long way", steps=150, batch_size=1)
    wait_state(page, "running")
    page.locator("#txt2img-stage .canvas").evaluate("() => document.activeElement.blur()")
    page.wait_for_function("loom.stages.txt2img.value.step > 0")
    page.keyboard.press("Space")
    expect(box).to_be_visible()
    page.keyboard.press("Home")
    expect(box.locator(".words")).to_contain_text("seed 7")
    page.keyboard.press("Space")
    expect(box).to_be_hidden()
    wait_state(page, "running")
    page.keyboard.press("Escape")
    wait_state(page, "stopped")


def test_space_types_where_one_types(pages: Pages) -> None:
    page = pages()
    start(page, "a boat", steps=3, seed=7)
    wait_state(page, "done")
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a")
    prompt.press("Space")
    expect(prompt).to_have_value("a ")
    assert page.locator(".lightbox").count() == 0
