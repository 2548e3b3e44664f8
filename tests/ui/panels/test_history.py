"""The gallery of past pictures in a real browser: grid, search, choice, one picture's actions."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from backend.contracts.events import Record
from backend.contracts.settings import parse
from backend.storage.outputs import Storage
from tests.ui.conftest import Pages, Server, running
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser

COUNT = 700


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose folder holds many pictures, none of which it has read."""
    data = tmp_path_factory.mktemp("past")
    begins = datetime(2026, 11, 20, 12)
    now = begins
    storage = Storage(data, lambda: now)
    for n in range(COUNT):
        now = begins + timedelta(minutes=3 * n)
        words = f"a {('red house', 'blue boat', 'green fish')[n % 3]} {n}"
        settings = parse("txt2img", {"prompt": words, "seed": n, "steps": 7}).model_dump(
            mode="json"
        )
        pixels = np.full((48, 64, 3), n % 250, np.uint8)
        storage.save_output(pixels, Record("txt2img", settings, {"name": "pocket", "hash": ""}))
    with running(data) as started:
        yield started


def opened(page: Page) -> Locator:
    page.get_by_role("button", name="History").click()
    gallery = page.locator(".gallery")
    expect(gallery.locator(".past img").first).to_be_visible()
    return gallery


def newest(gallery: Locator) -> Locator:
    return gallery.locator(".past[data-index='0']")


def test_thousands_of_pictures_are_some_cells(pages: Pages, filled: Server) -> None:
    page = pages(filled.url)
    page.evaluate("window.began = performance.now()")
    page.get_by_role("button", name="History").click()
    page.wait_for_function("document.querySelectorAll('.gallery .past[data-name]').length > 20")
    assert page.evaluate("performance.now() - began") < 5000  # a second, on a machine that is free
    gallery = page.locator(".gallery")
    expect(gallery.locator(".count")).to_have_text("700 pictures")
    assert gallery.locator(".past").count() < 300
    assert serious(page) == []
    newest(gallery).locator(".open").focus()
    page.keyboard.press("End")
    last = gallery.locator(f".past[data-index='{COUNT - 1}'] .open")
    expect(last).to_be_focused()
    expect(last).to_have_accessible_name("a red house 0, 20 Nov 2026, 12:00, seed 0")
    assert gallery.locator(".past").count() < 300
    page.keyboard.press("ArrowLeft")
    expect(gallery.locator(f".past[data-index='{COUNT - 2}'] .open")).to_be_focused()
    page.keyboard.press("Escape")
    expect(gallery).to_be_hidden()
    expect(page.get_by_role("button", name="History")).to_be_focused()


def test_search_by_words_seed_and_day(pages: Pages, filled: Server) -> None:
    page = pages(filled.url)
    gallery = opened(page)
    search = page.get_by_label("Search in the history")
    search.fill("BLUE boat")
    expect(gallery.locator(".count")).to_have_text("233 pictures")
    search.fill("698")
    expect(gallery.locator(".past")).to_have_count(1)
    search.fill("nothing like it")
    expect(gallery.locator(".empty")).to_have_text("No picture is like this.")
    search.fill("")
    gallery.get_by_label("To", exact=True).fill("2026-11-20")
    expect(gallery.locator(".count")).to_have_text("240 pictures")
    page.keyboard.press("Escape")
    opened(page)
    expect(gallery.locator(".count")).to_have_text("700 pictures")


def test_one_picture_with_all_that_can_be_done(pages: Pages, filled: Server) -> None:
    page = pages(filled.url)
    gallery, box = opened(page), page.locator(".lightbox")
    name = newest(gallery).get_attribute("data-name")
    newest(gallery).locator(".open").click()
    expect(box.locator(".foot .words")).to_contain_text(
        "a red house 699 · seed 699 · 64 × 48 · pocket"
    )
    assert serious(page) == []
    box.get_by_role("button", name="Favourite").click()
    expect(box.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(box.locator(".foot .words")).to_contain_text("green fish 698")
    expect(box.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("ArrowLeft")
    box.get_by_role("button", name="Delete").click()
    expect(box.locator(".foot .words")).to_contain_text("green fish 698")
    assert not (filled.data / "outputs" / str(name)).exists()
    box.get_by_role("button", name="Undo").click()
    page.wait_for_function("document.querySelector('.gallery .count').textContent[0] === '7'")
    assert (filled.data / "outputs" / str(name)).exists()
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    gallery.get_by_role("button", name="Favourites").click()
    expect(gallery.locator(".past")).to_have_count(1)
    expect(newest(gallery)).to_have_attribute("data-name", str(name))
    newest(gallery).locator(".open").click()
    box.get_by_role("button", name="Use settings").click()
    expect(gallery).to_be_hidden()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a red house 699")
    expect(page.locator("#txt2img-steps input[type=number]")).to_have_value("7")


def test_a_past_picture_goes_to_another_tab(pages: Pages, filled: Server) -> None:
    page = pages(filled.url)
    newest(opened(page)).locator(".open").click()
    page.locator(".lightbox").get_by_label("Send to").select_option("img2img")
    expect(page.locator(".gallery")).to_be_hidden()
    expect(page.locator("#img2img-image img")).to_be_visible()
    expect(page.get_by_role("tab", name="img2img")).to_have_attribute("aria-selected", "true")


def test_many_are_chosen_packed_deleted_and_brought_back(pages: Pages, filled: Server) -> None:
    page = pages(filled.url)
    gallery = opened(page)
    gallery.locator(".past[data-index='1'] .pick").click()
    gallery.locator(".past[data-index='4'] .pick").click(modifiers=["Shift"])
    expect(gallery.locator(".chosen output")).to_have_text("4 pictures chosen")
    assert serious(page) == []
    with page.expect_download() as saved:
        gallery.locator(".chosen .zip").click()
    assert saved.value.suggested_filename == "latent-loom-4-pictures.zip"
    with zipfile.ZipFile(Path(saved.value.path())) as archive:
        assert len(archive.namelist()) == 4
    gallery.locator(".chosen .delete").click()
    expect(gallery.locator(".count")).to_have_text("696 pictures")
    gallery.get_by_role("button", name="Undo").click()
    expect(gallery.locator(".count")).to_have_text("700 pictures")
    search = page.get_by_label("Search in the history")
    search.fill("fish")
    expect(gallery.locator(".count")).to_have_text("233 pictures")
    gallery.locator(".past[data-index='0'] .pick").click()
    gallery.get_by_role("button", name="Choose all").click()
    expect(gallery.locator(".chosen output")).to_have_text("233 pictures chosen")


def test_a_phone_shows_three_a_row(pages: Pages, filled: Server) -> None:
    page = pages(filled.url, width=420, height=860, dark=True)
    gallery = opened(page)
    assert page.evaluate("document.querySelector('.gallery').scrollWidth") <= 420
    tops = [gallery.locator(f".past[data-index='{n}']").bounding_box()["y"] for n in range(4)]  # type: ignore[index]
    assert tops[0] == tops[2] < tops[3]
    newest(gallery).locator(".open").click()
    small = page.evaluate("""() => [...document.querySelectorAll(".lightbox :is(button, select)")]
        .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 39.5)
        .map((node) => node.outerHTML)""")
    assert small == []
    assert serious(page) == []
