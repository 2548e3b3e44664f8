"""Hires fix in a real browser: the switch, the larger picture, going on from a finished run."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, start, wait_state

pytestmark = pytest.mark.browser


def switch(page: Page):
    return page.locator("#txt2img-hires").get_by_label("Draw it again, larger")


def test_the_switch_doubles_the_picture_and_survives_a_reload(pages: Pages) -> None:
    page = pages()
    start(page, "a hill", steps=4)
    wait_state(page, "done")
    branch = page.get_by_role("button", name="Branch from here").first
    expect(branch).to_be_disabled()
    page.get_by_role("button", name="Hires fix").click()
    switch(page).check()
    expect(page.get_by_label("number input for Upscale").first).to_have_value("2")
    expect(branch).to_be_enabled()
    branch.click()
    page.wait_for_function("loom.stages.txt2img.value.results[0]?.width === 512")
    wait_state(page, "done")
    assert page.evaluate("loom.stages.txt2img.value.total") == 4 + 2
    pages.reload(page)
    expect(switch(page)).to_be_checked()
    switch(page).uncheck()
    expect(page.get_by_label("number input for Upscale").first).to_have_value("1")
