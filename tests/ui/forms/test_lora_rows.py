"""The LoRA rows: their text, and the rows in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from backend.contracts.errors import BadInput
from backend.contracts.settings import parse
from backend.recipes.metadata import read
from tests.ui.conftest import Pages, wait_state
from ui.forms.lora_rows import read_rows, write_rows


def test_text_and_settings_are_the_same_thing() -> None:
    loras = [
        {"name": "ink, blue: 2", "weight": -0.35, "start": 0.0, "end": 1.0},
        {"name": "oil", "weight": 1.5, "start": 0.1, "end": 0.6, "on": False},
    ]
    text = write_rows({"loras": loras}, {})
    assert text == (
        '[{"name":"ink, blue: 2","weight":-0.35},'
        '{"name":"oil","weight":1.5,"start":0.1,"end":0.6,"on":false}]'
    )
    kept = parse("txt2img", read_rows(text))
    assert kept.model_dump(mode="json")["loras"] == loras
    assert [use.name for use in kept.acting_loras] == ["ink, blue: 2"]
    assert write_rows({"loras": []}, {}) == ""


@pytest.mark.parametrize("text", ["ink:0.8", "{}", "[1]", "[" * 9999, '"ink"'])
def test_what_is_no_row_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="could not be read"):
        read_rows(text)


def rows(page: Page):
    return page.locator("#txt2img-loras .lora-row")


@pytest.mark.browser
def test_rows_are_added_weighed_ordered_and_recorded(pages: Pages) -> None:
    page = pages()
    page.locator("#txt2img-lora > button").click()
    expect(page.locator("#txt2img-loras .none")).to_contain_text("grand-oil does not")
    add = page.locator("#txt2img-loras").get_by_role("button", name="Add a LoRA")
    add.click()
    add.click()
    expect(rows(page)).to_have_count(2)
    expect(add).to_be_disabled()
    offered = rows(page).first.get_by_label("LoRA", exact=True).locator("option")
    assert [o for o in offered.evaluate_all("all => all.map(o => [o.value, o.disabled])")] == [
        ["pocket-ink", False],
        ["pocket-neon", False],
        ["grand-oil", True],
    ]
    rows(page).first.get_by_label("Exact weight of pocket-ink").fill("0.5")
    rows(page).first.get_by_label("Exact weight of pocket-ink").press("Tab")
    expect(rows(page).first.get_by_label("Weight of pocket-ink", exact=True)).to_have_value("0.5")
    rows(page).first.get_by_label("Use pocket-ink").uncheck()
    rows(page).first.get_by_label("Use pocket-ink").check()
    rows(page).nth(1).get_by_label("Start of pocket-neon").fill("0.4")
    rows(page).nth(1).get_by_label("Start of pocket-neon").press("Tab")
    rows(page).nth(1).get_by_role("button", name="Move pocket-neon up").click()
    page.get_by_label("Prompt", exact=True).fill("a red house")
    page.keyboard.press("Control+Enter")
    wait_state(page, "done")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    with open(download.value.path(), "rb") as file:
        record = read(file.read())
    assert record.settings["loras"] == [
        {"name": "pocket-neon", "weight": 1.0, "start": 0.4, "end": 1.0},
        {"name": "pocket-ink", "weight": 0.5, "start": 0.0, "end": 1.0},
    ]
    rows(page).nth(1).get_by_label("Use pocket-ink").uncheck()
    pages.reload(page)
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first.get_by_label("LoRA", exact=True)).to_have_value("pocket-neon")
    expect(rows(page).nth(1).get_by_label("Use pocket-ink")).not_to_be_checked()
    rows(page).first.get_by_role("button", name="Remove pocket-neon").click()
    expect(rows(page)).to_have_count(1)
