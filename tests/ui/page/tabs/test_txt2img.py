"""The txt2img tab in a browser: a reference that is added acts, and goes without trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages


def weight(page: Page) -> str:
    return page.locator("#txt2img-reference_weight input[type=number]").input_value()


@pytest.mark.browser
def test_a_reference_acts_once_it_is_there_and_no_longer_when_it_is_gone(
    pages: Pages, tmp_path: Path
) -> None:
    picture = tmp_path / "like-this.png"
    Image.new("RGB", (64, 48), (200, 30, 30)).save(picture)
    page = pages()
    page.wait_for_function("Boolean(loom.forms.txt2img && loom.stages.txt2img)")
    fold = page.locator("#txt2img-reference")
    fold.get_by_role("button", name="Reference").click()
    assert weight(page) == "0"
    fold.locator("input[type=file]").set_input_files(picture)
    expect(page.locator("#txt2img-reference_weight input[type=number]")).to_have_value("1")
    page.locator("#txt2img-prompt textarea").fill("a red house")
    page.locator("button.go:visible").click()
    page.wait_for_function("['done', 'failed'].includes(loom.stages.txt2img.value.state)")
    assert page.evaluate("loom.stages.txt2img.value.message") == ""
    fold.get_by_role("button", name="Remove Image").click()
    expect(page.locator("#txt2img-reference_weight input[type=number]")).to_have_value("0")
