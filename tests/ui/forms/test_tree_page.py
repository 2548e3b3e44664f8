"""The tree of a page's branches, and a fan of pictures from one step; in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages, start, wait_state

pytestmark = pytest.mark.browser


def test_branches_stand_below_their_run_and_a_click_goes_back(pages: Pages) -> None:
    page = pages()
    start(page, "a red house", steps=6, seed=5)
    wait_state(page, "done")
    first = page.evaluate("loom.stages.txt2img.value.job")
    stage = page.locator("#txt2img-stage")
    tree = stage.locator(".tree")
    expect(tree).to_be_hidden()
    stage.locator(".timeline input[type=range]").fill("2")
    stage.get_by_role("button", name="Fan out").click()
    page.wait_for_function("job => loom.stages.txt2img.value.job !== job", arg=first)
    wait_state(page, "done")
    assert page.evaluate("loom.stages.txt2img.value.results.length") == 4
    expect(tree.get_by_role("button")).to_have_count(2)
    expect(tree.get_by_role("button", name="from step 2")).to_have_attribute("aria-pressed", "true")
    tree.get_by_role("button", name="first run").click()
    page.wait_for_function("job => loom.stages.txt2img.value.job === job", arg=first)
    expect(tree.get_by_role("button", name="first run")).to_have_attribute("aria-pressed", "true")
