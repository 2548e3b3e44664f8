"""The page in German, and from right to left; in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, start, wait_state
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser


def overflows(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def test_german_is_chosen_at_the_foot_and_a_run_speaks_it(pages: Pages) -> None:
    page = pages()
    page.get_by_label("Language").select_option("de")
    pages.wait(page)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator(".go span").first).to_have_text("Erzeugen")
    expect(page.get_by_role("tab", name="Bild zu Bild")).to_be_visible()
    expect(page.locator("#txt2img-steps")).to_contain_text("Modellschritte; mehr ist langsamer")
    # What is chosen in a list is seen in German and read as the page has it.
    hires = page.locator("#txt2img-hires_scale input")
    over = page.locator("#txt2img-hires_scale .secondary-wrap")
    expect(hires).to_have_value("off")
    expect(over).to_have_attribute("data-spoken", "aus")
    hires.fill("1.5")
    hires.press("Enter")
    expect(over).not_to_have_attribute("data-spoken", "aus")
    hires.fill("off")
    hires.press("Enter")
    expect(over).to_have_attribute("data-spoken", "aus")
    start(page, "Steps and Seed", steps=3)
    wait_state(page, "done")
    expect(page.locator("#txt2img-stage .line")).to_contain_text("fertig in")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("Steps and Seed")
    assert serious(page) == []


@pytest.mark.parametrize("width", [1400, 420])
def test_right_to_left_does_not_break_the_page(pages: Pages, width: int) -> None:
    page = pages(width=width)
    page.evaluate("document.documentElement.dir = 'rtl'")
    page.wait_for_function("getComputedStyle(document.body).direction === 'rtl'")
    assert overflows(page) <= 0
    box = page.locator(".go").first.bounding_box()
    assert box is not None
    assert 0 <= box["x"] < width
    start(page, "a boat", steps=2)
    wait_state(page, "done")
    assert overflows(page) <= 0
