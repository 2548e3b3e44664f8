"""One picture after another until a person ends it; in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages, start, wait_state

pytestmark = pytest.mark.browser


def test_pictures_follow_each_other_until_stop(pages: Pages) -> None:
    page = pages()
    page.get_by_label("Prompt", exact=True).fill("a boat again")
    steps = page.locator("#txt2img-steps input[type=number]")
    steps.fill("3")
    steps.press("Tab")
    again = page.get_by_role("button", name="Again and again").first
    again.click()
    tiles = page.locator("#txt2img-stage .film .tile:not(.going)")
    expect(tiles.nth(2)).to_be_visible()
    expect(again).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(again).to_have_attribute("aria-pressed", "false")
    wait_state(page, "done", "stopped")
    expect(page.locator(".queue-box .queue")).to_have_text("queue is free")
    page.wait_for_timeout(600)
    count = tiles.count()
    page.wait_for_timeout(1200)
    assert tiles.count() == count
    seeds = page.evaluate("""JSON.parse(sessionStorage.getItem("loom.film")).txt2img
        .flatMap(run => run.results.map(one => one.seed))""")
    assert len(set(seeds)) == len(seeds) >= 3


def test_a_fixed_seed_would_be_the_same_picture(pages: Pages) -> None:
    page = pages()
    start(page, "a boat", steps=2, seed=5)
    wait_state(page, "done")
    again = page.get_by_role("button", name="Again and again").first
    again.click()
    expect(page.locator(".loom-note.warn", has_text="The seed is fixed")).to_be_visible()
    expect(again).to_have_attribute("aria-pressed", "false")
