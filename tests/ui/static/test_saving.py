"""How results are saved, chosen by Generate for all tabs; in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from backend.recipes.metadata import read
from tests.ui.conftest import Pages, Server, kind_of, open_tab, start, wait_state
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser

STAGE = "#txt2img-stage"


def saved(server: Server, name: str) -> list[Path]:
    return sorted(server.data.glob(f"outputs/*/{name}"))


def test_format_and_name_are_chosen_once_and_kept_to(pages: Pages, server: Server) -> None:
    page = pages()
    button = page.locator(".loom-actions .saving").first
    expect(button).to_have_text("PNG")
    button.click()
    dialog = page.get_by_role("dialog", name="How results are saved")
    expect(dialog.locator(".named")).to_have_text(re.compile(r"For example: \d{6}-.*\.png"))
    dialog.get_by_label("Format").select_option("jpeg")
    dialog.get_by_label("Quality").fill("80")
    dialog.get_by_label("File name").fill("boat/")
    expect(dialog.locator(".named")).to_contain_text("no folders")
    dialog.get_by_label("File name").fill("boat")
    dialog.get_by_role("button", name="[seed]").click()
    expect(dialog.locator(".named")).to_have_text("For example: boat_7.jpg")
    assert serious(page) == []
    page.keyboard.press("Escape")
    expect(button).to_have_text("JPEG 80")
    start(page, "a boat as a photograph", steps=2, seed=31)
    wait_state(page, "done")
    assert kind_of(page, f"{STAGE} .frame") == "image/jpeg"
    (path,) = saved(server, "boat_31.jpg")
    told = read(path.read_bytes()).settings
    assert (told["prompt"], told["save_quality"]) == ("a boat as a photograph", 80)

    page.get_by_role("button", name="History", exact=True).click()
    cell = page.locator(".past", has_text="a boat as a photograph")
    expect(cell.first).to_be_visible()
    page.wait_for_function(
        "[...document.querySelectorAll('.past img')].some(one => one.naturalWidth)"
    )
    page.keyboard.press("Escape")

    before = saved(server, "*")
    button.click()
    dialog.get_by_label("Save pictures").uncheck()
    expect(dialog.locator(".named")).to_contain_text("until you close it")
    page.keyboard.press("Escape")
    expect(button).to_have_text("not saved")
    start(page, "a boat for nobody", steps=2, seed=32)
    page.wait_for_function("loom.stages.txt2img.value.results?.[0]?.seed === 32")
    wait_state(page, "done")
    assert saved(server, "*") == before
    link = page.locator(f"{STAGE} .download")
    expect(link).to_have_attribute("download", "latent-loom-32.jpg")
    open_tab(page, "img2img")
    expect(page.locator(".loom-actions .saving").nth(1)).to_have_text("not saved")
