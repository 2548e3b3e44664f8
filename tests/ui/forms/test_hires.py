"""Hires fix in a real browser: one control, the model's own standards, and going on from a run."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import Pages, start, wait_state

pytestmark = pytest.mark.browser


def hires(page: Page) -> Locator:
    return page.locator("#txt2img-hires_scale input")


def choose(page: Page, title: str) -> None:
    hires(page).click()
    page.get_by_role("option", name=title, exact=True).click()


def test_one_control_doubles_the_picture_and_survives_a_reload(pages: Pages) -> None:
    page = pages()
    start(page, "a hill", steps=4)
    wait_state(page, "done")
    branch = page.get_by_role("button", name="Branch from here").first
    expect(branch).to_be_disabled()
    choose(page, "2 ×")
    expect(branch).to_be_enabled()
    branch.click()
    page.wait_for_function("loom.stages.txt2img.value.results[0]?.width === 512")
    wait_state(page, "done")
    assert page.evaluate("loom.stages.txt2img.value.total") == 4 + 2
    pages.reload(page)
    expect(hires(page)).to_have_value("2 ×")
    hires(page).fill("1.3")
    hires(page).press("Enter")
    expect(page.locator(".sum").first).to_contain_text("hires 1.3 ×")
    choose(page, "off")
    expect(page.locator(".sum").first).not_to_contain_text("hires")


def test_the_rest_begins_as_the_models_card_recommends(pages: Pages) -> None:
    page = pages()
    page.locator("#txt2img-hires > button").click()
    denoise = page.locator("#txt2img-hires_denoise input[type=number]")
    expect(denoise).to_have_value("0.7")
    page.locator("#loom-model input").click()
    page.get_by_role("option", name="Studio Xl").click()
    expect(denoise).to_have_value("0.3")
    expect(page.locator("#txt2img-hires_upscaler input")).to_have_value("Lanczos, in pixels")
    expect(page.locator("#txt2img-hires_denoise .loom-reset")).to_have_count(0)
