"""The X/Y/Z grid of the page, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, wait_state

pytestmark = pytest.mark.browser


def choose(page: Page, letter: str, name: str, values: str | None) -> None:
    box = page.locator(f"#txt2img-{letter}-field input")
    box.click()
    box.fill(name)
    page.get_by_role("option", name=name).first.click()
    expect(box).to_have_value(re.compile(f"^{name}"))
    if values is not None:
        field = page.locator(f"#txt2img-{letter}-values textarea, #txt2img-{letter}-values input")
        field.fill(values)
        field.press("Tab")


def test_a_grid_says_its_cost_and_is_drawn(pages: Pages) -> None:
    page = pages()
    page.get_by_label("Prompt", exact=True).fill("a red house")
    page.locator("#txt2img-grid > button").click()
    draw = page.locator("#txt2img-grid-start .draw")
    cost = page.locator("#txt2img-grid-start .cost")
    expect(draw).to_be_disabled()
    choose(page, "x", "Steps", "2-4 (+0)")
    expect(cost).to_contain_text("never gets to its end")
    expect(draw).to_be_disabled()
    choose(page, "x", "Steps", "2-4 (+2)")
    choose(page, "y", "Prompt, search", "red, blue")
    expect(cost).to_contain_text("4 cells, 12 steps, about 1 s")
    page.evaluate("""() => {
        const tiles = document.querySelector("#txt2img-stage .tiles");
        window.toCome = 0;
        new MutationObserver(() => {
            window.toCome = Math.max(window.toCome, tiles.querySelectorAll(".to-come").length);
        }).observe(tiles, { childList: true });
    }""")
    draw.click()
    cells = page.locator("#txt2img-stage .tiles .cell")
    expect(cells).to_have_text(["steps 2, red", "steps 4, red", "steps 2, blue", "steps 4, blue"])
    wait_state(page, "done")
    assert page.evaluate("window.toCome") >= 1  # a slow page sees the last of them alone
    expect(cells.nth(3)).to_be_enabled()
    row = [cells.nth(place).bounding_box() for place in (0, 1, 2)]
    assert row[0] is not None
    assert row[1] is not None
    assert row[2] is not None
    assert row[0]["y"] == row[1]["y"] < row[2]["y"]
    expect(page.locator("#txt2img-stage .strip .thumb")).to_have_count(5)
    expect(page.locator("#txt2img-stage .line")).to_contain_text("the whole grid")
    last = page.locator("#txt2img-stage .strip .thumb").nth(4)
    expect(last).to_have_attribute("aria-pressed", "true")
    page.locator("#txt2img-stage .strip .thumb").nth(3).click()
    expect(page.locator("#txt2img-stage .line")).to_contain_text("steps 4, blue")


def test_choosing_names_writes_all_of_them(pages: Pages) -> None:
    page = pages()
    page.locator("#txt2img-grid > button").click()
    choose(page, "x", "Schedule", None)
    field = page.locator("#txt2img-x-values textarea, #txt2img-x-values input")
    expect(field).to_have_value("model, trailing, ays, karras, exponential")
