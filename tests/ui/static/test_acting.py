"""Nothing hidden acts, and Generate stays in sight; in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser


def test_a_closed_fold_shows_what_acts_in_it_and_sets_it_back(pages: Pages) -> None:
    page = pages()
    line = page.locator(".sum").first
    expect(line).to_contain_text("20 steps")
    expect(line).not_to_contain_text("hires")
    page.locator("#txt2img-hires > button").click()
    steps = page.locator("#txt2img-hires_steps input[type=number]")
    steps.fill("9")
    steps.press("Tab")
    page.locator("#txt2img-hires > button").click()
    expect(page.locator("#txt2img-hires_steps")).to_have_class(re.compile("loom-changed"))
    expect(page.locator("#txt2img-hires .badge")).to_have_count(0)  # it is off
    scale = page.get_by_label("Hires", exact=True)
    scale.fill("2")
    scale.press("Enter")
    expect(page.locator("#txt2img-hires .badge")).to_have_text("1 changed")
    expect(line).to_contain_text("hires 2 ×")
    assert serious(page) == []
    page.get_by_role("button", name="Set back: Hires, how").click()
    expect(page.locator("#txt2img-hires .badge")).to_have_count(0)
    scale.fill("off")
    scale.press("Enter")
    expect(line).not_to_contain_text("hires")


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (420, 800)])
def test_generate_is_in_sight_however_far_one_scrolls(
    pages: Pages, width: int, height: int
) -> None:
    page = pages(width=width, height=height)
    page.locator("#txt2img-advanced > button").click()
    expect(page.locator("#txt2img-eta input[type=number]")).to_be_visible()
    for to in ("document.body.scrollHeight", "400", "0"):
        page.evaluate(f"scrollTo(0, {to})")
        box = page.get_by_role("button", name="Generate").bounding_box()
        assert box is not None
        assert box["y"] >= 0, to
        assert box["y"] + box["height"] <= height, to
