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
