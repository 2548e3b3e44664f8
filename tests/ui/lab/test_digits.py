"""The Digits panel: its form and answers, and a training in a browser on the stand-in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from backend.engine.fake.engine import FakeEngine
from backend.recipes.permalink import decode
from tests.ui.conftest import Pages, open_tab
from ui.lab.digits import PANEL
from ui.server.studio import Studio, studio_at


@pytest.fixture
def studio(tmp_path: Path) -> Any:
    made = studio_at(tmp_path, tmp_path, lambda _: FakeEngine(models=("pocket", "digits")))
    yield made
    made.engine.close()


def test_the_form_is_what_the_settings_say(studio: Studio) -> None:
    told = PANEL.tells["form"](studio, {})
    assert told["name"] == "digits 2", "one that is free"
    fields = {field["name"]: field for field in told["fields"]}
    assert fields["minutes"]["unit"] == "min"
    assert fields["width"]["value"] == 10
    assert all(field["hint"] for field in fields.values())


def test_drawings_of_a_seed(studio: Studio) -> None:
    one, same, other = (PANEL.tells["drawings"](studio, {"seed": seed}) for seed in (1, "1", 2))
    assert one["picture"].startswith("data:image/png;base64,")
    assert one == same != other


def test_its_recipe_opens_txt2img_with_the_model(studio: Studio) -> None:
    settings = decode(PANEL.tells["recipe"](studio, {"name": "digits"})["recipe"])
    assert (settings.mode, settings.model, settings.width) == ("txt2img", "digits", 32)


def test_a_model_grows_and_is_drawn_with(pages: Pages) -> None:
    page = pages()
    open_tab(page, "Lab")
    page.get_by_role("tab", name="Digits").click()
    panel = page.locator("#lab-digits")
    expect(panel.get_by_label("Name")).to_have_value("digits")
    panel.get_by_role("button", name="What it learns from").click()
    expect(panel.locator("figure", has_text="Drawn digits")).to_be_visible()
    panel.get_by_role("button", name="Start training").click()
    expect(panel.locator(".inside")).to_have_attribute("data-state", "done")
    expect(panel.locator(".digit-steps button")).to_have_count(4)
    expect(panel.locator(".lab-curve")).to_contain_text("Loss")
    expect(panel.locator(".facts")).to_contain_text("‘digits’ is in the list of models")
    panel.get_by_role("button", name="Draw with it in txt2img").click()
    page.wait_for_function("loom.forms.txt2img.last?.model === 'digits'")


def test_it_fits_a_phone(pages: Pages) -> None:
    page = pages(width=420)
    open_tab(page, "Lab")
    page.get_by_role("tab", name="Digits").click()
    # A number follows where a model of that name was trained before.
    named = page.locator("#lab-digits").get_by_label("Name")
    expect(named).to_have_value(re.compile(r"digits( \d+)?"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
