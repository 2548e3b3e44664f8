"""Two results side by side in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages
from tests.ui.page.test_access import serious
from tests.ui.panels.test_verify_page import generated

pytestmark = pytest.mark.browser

COMPARE = "#txt2img-stage .compare"


def test_two_results_of_the_strip(pages: Pages) -> None:
    page = pages()
    generated(page, "a batch to compare", batch_size=2, seed=40)
    page.locator(COMPARE).click()
    expect(page.locator(COMPARE)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".loom-note", has_text="One picture is chosen")).to_be_visible()
    page.locator("#txt2img-stage .thumb").nth(1).click()
    expect(page.locator(COMPARE)).to_have_attribute("aria-pressed", "false")
    page.locator(COMPARE).click()
    expect(page.locator(".check h2")).to_have_text("Compare")
    expect(page.locator(".check .found li")).to_have_text(["seed 40 → 41"])
    expect(page.locator(".loom-note", has_text="One picture is chosen")).to_have_count(0)
    wipe = page.get_by_label("How much of the first picture is shown")
    expect(wipe).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Side by side").click()
    expect(wipe).to_be_hidden()
    expect(page.locator(".check figcaption").first).to_contain_text("seed 40")


def test_a_result_and_a_past_one_of_another_size(pages: Pages) -> None:
    page = pages(width=390, height=844)
    generated(page, "a red house to compare", seed=6)
    page.locator("#txt2img-size input").fill("320x192")
    page.locator("#txt2img-size input").press("Enter")
    generated(page, "a blue house to compare", seed=6)
    page.get_by_role("button", name="History").click()
    page.locator(".past", has_text="a red house to compare").first.locator(".open").click()
    page.locator(".lightbox .compare").click()
    expect(page.locator(".lightbox .loom-note", has_text="One picture is chosen")).to_be_visible()
    page.locator(".lightbox .close").click()
    page.get_by_role("button", name="Close history").click()
    page.locator(COMPARE).click()
    expect(page.locator(".check .found")).to_contain_text("prompt: ‘red’ → ‘blue’")
    expect(page.locator(".check .found")).to_contain_text("seed the same")
    expect(page.locator(".check .found")).to_contain_text("width 256 → 320")
    expect(page.locator(".check .found")).to_contain_text("256 × 256 px → 320 × 192 px")
    expect(page.locator(".check .wipe")).to_be_hidden()
    box = page.locator(".check").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390
    assert page.evaluate(
        "document.querySelector('.check').scrollWidth"
        " <= document.querySelector('.check').clientWidth"
    )


def test_choosing_again_gives_up(pages: Pages) -> None:
    page = pages()
    generated(page, "chosen and given up")
    page.locator(COMPARE).click()
    page.locator(COMPARE).click()
    expect(page.locator(COMPARE)).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".loom-note", has_text="One picture is chosen")).to_have_count(0)
    expect(page.locator(".check")).to_be_hidden()
