"""Models and LoRAs chosen by their pictures; in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser


def test_a_model_and_a_lora_are_found_by_a_word_and_chosen(pages: Pages) -> None:
    page = pages()
    page.get_by_role("button", name="Models", exact=True).click()
    models = page.get_by_role("dialog", name="Choose a model")
    expect(models.locator(".pick")).to_have_count(2)
    expect(models.locator(".pick[aria-current]")).to_contain_text("Pocket")
    models.get_by_label("Search: Choose a model").fill("xl 512")
    expect(models.locator(".pick")).to_have_count(1)
    page.wait_for_function("document.querySelector('.pick img')?.naturalWidth")
    assert serious(page) == []
    models.locator(".pick").click()
    expect(page.locator("#loom-model input")).to_have_value("Studio Xl · 54 MB")
    expect(page.locator("#txt2img-size input")).to_have_value("512 × 512, native")

    page.locator("#txt2img-lora > button").click()
    page.locator("#txt2img-loras .lora-choose").click()
    loras = page.get_by_role("dialog", name="Choose a LoRA")
    expect(loras.locator(".pick:disabled")).to_contain_text("made for SDXL")
    loras.get_by_role("button", name="pocket-ink").click()
    row = page.locator("#txt2img-loras .lora-row")
    expect(row.locator("select")).to_have_value("pocket-ink")
    expect(row.locator(".card .about")).to_have_text("Lines as of a pen.")
    expect(row.get_by_label("Exact weight of pocket-ink")).to_have_value("1")
