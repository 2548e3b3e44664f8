"""Size: swapped, and taken from the picture on the canvas; the keys on "?"; in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages, start, wait_state
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser


def test_a_size_is_swapped_and_taken_from_the_picture(pages: Pages) -> None:
    page = pages()
    size = page.get_by_label("Size", exact=True)
    size.fill("320x192")
    size.press("Enter")
    page.get_by_role("button", name="Swap width and height").click()
    expect(size).to_have_value("192x320")
    start(page, "a tall boat", steps=2)
    wait_state(page, "done")
    size.fill("256x256")
    size.press("Enter")
    page.get_by_role("button", name="Size of the picture on the canvas").click()
    expect(size).to_have_value("192x320")
    assert serious(page) == []


def test_a_ratio_is_chosen_and_a_tab_begins_with_a_persons_own(pages: Pages) -> None:
    page = pages()
    ratios = page.locator("#txt2img-size .ratios")
    expect(ratios.get_by_role("button", pressed=True)).to_have_text("1:1")
    ratios.get_by_role("button", name="16:9").click()
    expect(ratios.get_by_role("button", pressed=True)).to_have_text("16:9")
    steps = page.locator("#txt2img-steps input[type=number]")
    steps.fill("33")
    steps.press("Tab")
    expect(page.locator("#txt2img-steps .loom-reset")).to_be_visible()
    page.locator("#txt2img-advanced > button").click()
    page.get_by_role("button", name="Begin with these settings").click()
    expect(page.locator("#txt2img-steps .loom-reset")).to_have_count(0)
    page.evaluate("localStorage.removeItem('loom-txt2img-form')")
    pages.reload(page)
    expect(steps).to_have_value("33")
    steps.fill("5")
    steps.press("Tab")
    page.locator("#txt2img-steps .loom-reset").click()
    expect(steps).to_have_value("33")
    assert serious(page) == []


def test_the_keys_are_shown(pages: Pages) -> None:
    page = pages()
    page.get_by_label("Prompt", exact=True).press("?")
    expect(page.locator(".shortcuts")).to_have_count(0)
    page.locator("#txt2img-stage .canvas").evaluate("() => document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.locator(".shortcuts")).to_be_visible()
    expect(page.locator(".shortcuts")).to_contain_text("Take the form back and forth")
    assert serious(page) == []
    page.keyboard.press("Escape")
    expect(page.locator(".shortcuts")).to_have_count(0)
    page.get_by_role("button", name="Keys").click()
    expect(page.locator(".shortcuts")).to_be_visible()
