"""Results stay: the strip of runs, and the last one under what failed; in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, start, wait_state
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser

TILES = "#txt2img-stage .film .tile"


def drawn(page: Page, prompt: str, tiles: int, **values: int) -> str:
    """Generates; the job's token once its tile is there."""
    start(page, prompt, **values)
    expect(page.locator(TILES)).to_have_count(tiles)
    wait_state(page, "done")
    return str(page.evaluate("loom.stages.txt2img.value.job"))


def test_each_run_is_shown_again_with_its_timeline(pages: Pages) -> None:
    page = pages()
    first = drawn(page, "a red house", 1, steps=5, seed=1)
    second = drawn(page, "a blue boat", 2, steps=7, seed=2)
    assert first != second
    page.locator(TILES).nth(1).click()
    assert page.evaluate("loom.stages.txt2img.value.job") == first
    expect(page.locator("#txt2img-stage .timeline output")).to_have_text("5/5")
    expect(page.locator("#txt2img-stage .seed b")).to_have_text("1")
    expect(page.locator("#txt2img-stage .frame")).to_have_attribute("alt", "Picture 1 of 1, seed 1")
    assert serious(page) == []
    # While the next one runs too: it goes on, and Stop is its own.
    start(page, "a long way", steps=150)
    wait_state(page, "running")
    page.locator(TILES).nth(2).click()
    assert page.evaluate("loom.stages.txt2img.value.job") == first
    expect(page.get_by_role("button", name="Add to queue")).to_be_visible()
    page.get_by_role("button", name="The run that goes on").click()
    wait_state(page, "running")
    page.locator(TILES).nth(1).click()
    page.get_by_role("button", name="Stop", exact=False).first.click()
    page.wait_for_function("loom.stages.txt2img.live.state === 'stopped'")
    assert page.evaluate("loom.stages.txt2img.value.job") == second
    pages.reload(page)
    expect(page.locator(TILES)).to_have_count(3)


def test_what_fails_takes_nothing_away(pages: Pages) -> None:
    page = pages()
    job = drawn(page, "a red house", 1, steps=3, seed=5)
    picture = page.locator("#txt2img-stage .frame").get_attribute("src")
    size = page.get_by_label("Size", exact=True)
    size.fill("a house")
    size.press("Enter")
    start(page, "another house")
    wait_state(page, "failed")
    expect(page.locator("#txt2img-stage .overlay p")).to_contain_text("width x height")
    expect(page.locator("#txt2img-stage .frame")).to_have_attribute("src", str(picture))
    expect(page.get_by_role("button", name="Branch from here")).to_be_visible()
    assert page.evaluate("loom.stages.txt2img.value.job") == job
    assert serious(page) == []
    page.get_by_role("button", name="Show “Size”").click()
    expect(size).to_be_focused()
    size.fill("320x192")
    size.press("Enter")
    expect(page.locator("#txt2img-stage .overlay")).to_be_hidden()
    assert page.evaluate("loom.stages.txt2img.value.state") == "done"


def test_the_fix_is_a_button(pages: Pages) -> None:
    page = pages()
    page.get_by_role("tab", name="morph").click()
    page.locator("#morph-prompt_a textarea").fill("a red house")
    page.locator("#morph-prompt_b textarea").fill("a blue boat")
    page.evaluate(
        "loom.stages.morph.fail('No.', {place: null, fix: "
        "{label: 'Take more steps', changes: {steps: 33}}, was: undefined})"
    )
    page.get_by_role("button", name="Take more steps").click()
    expect(page.locator("#morph-steps input[type=number]")).to_have_value("33")
