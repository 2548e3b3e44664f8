"""The DDIM table's tab in a browser: every picture, and the table."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages, open_tab


@pytest.mark.browser
def test_every_cell_is_a_picture_and_the_table_is_the_last(pages: Pages) -> None:
    page = pages()
    open_tab(page, "DDIM table")
    counts = page.locator("#ddim_table-step_counts textarea")
    counts.fill("2, 4")
    counts.press("Tab")
    page.locator("#ddim_table-prompt textarea").fill("a boat")
    expect(page.locator(".tokens:visible").first).to_have_text(re.compile("tokens$"))
    expect(page.locator("#ddim_table-step_counts .tokens")).to_have_count(0)  # numbers, no words
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.ddim_table.value.state === 'done'")
    done = page.evaluate("loom.stages.ddim_table.value")
    assert len(done["results"]) == 7
