"""The regions of a form, as text and on the page."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from backend.contracts.errors import BadInput
from backend.contracts.library import ModelEntry
from backend.contracts.settings import parse
from backend.contracts.settings.regions import RegionFields
from tests.ui.conftest import Pages, start, wait_state
from ui.forms.region_rows import FOLD, read_rows, write_rows


def test_rows_say_what_differs_and_come_back() -> None:
    lora = {"name": "neon", "weight": 0.5, "start": 0.0, "end": 1.0}
    rows = [
        {"prompt": "a boat", "box": [0.0, 0.0, 0.5, 1.0], "loras": [lora]},
        {"weight": 2.0, "on": False},
    ]
    settings = parse("txt2img", {"regions": rows})
    text = write_rows(settings.model_dump(), ModelEntry("pocket"))
    assert json.loads(text) == rows
    assert parse("txt2img", read_rows(text)) == settings
    assert read_rows("") == {"regions": []}
    assert write_rows({}, ModelEntry("pocket")) == ""
    assert set(FOLD.fields) == set(RegionFields.model_fields)
    with pytest.raises(BadInput, match="draw them again"):
        read_rows("[1]")


@pytest.mark.browser
def test_a_region_is_drawn_named_and_recorded(pages: Pages) -> None:
    page = pages()
    page.locator("#txt2img-regions > button").click()
    area = page.locator("#txt2img-regions .region-map")
    page.get_by_role("button", name="Add a region").first.click()
    expect(area.locator(".place")).to_have_count(1)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.9 * box["height"], steps=3)
    page.mouse.up()
    page.get_by_label("Prompt of region 1").first.fill("a blue boat")
    choice = page.locator("#txt2img-regions").get_by_label("Add a LoRA to region 1")
    name = choice.locator("option").nth(1).text_content()
    choice.select_option(index=1)
    page.get_by_label(f"Weight of {name} in region 1").fill("0.6")
    page.get_by_label(f"Weight of {name} in region 1").press("Tab")
    start(page, "the sea", steps=2)
    wait_state(page, "done")
    (row,) = json.loads(page.evaluate("loom.forms.txt2img.last.regions"))
    assert row["prompt"] == "a blue boat"
    assert row["loras"] == [{"name": name, "weight": 0.6}]
    page.get_by_role("button", name=f"Remove {name} from region 1").click()
    expect(choice.locator("option", has_text=str(name))).to_have_count(1)
    assert row["box"] == pytest.approx([0.25, 0.5, 0.75, 0.9], abs=0.02)
    page.get_by_role("button", name="Remove region 1").click()
    expect(area.locator(".place")).to_have_count(0)
