"""Verifying in a real browser: a result, a past picture, a dropped one."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from backend.contracts.events import Record
from backend.recipes.metadata import read, write_png
from tests.ui.conftest import Pages, Server, start
from tests.ui.forms.test_form_page import DROP
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser

SAME = "The same, bit for bit."
VERIFY = "#txt2img-stage .verify"


def say(page: Page):
    return page.locator(".check .say")


def generated(page: Page, prompt: str, **values: int) -> None:
    """Waits for a run of its own: the one before is done too."""
    job = page.evaluate("loom.stages.txt2img.value.job ?? null")
    start(page, prompt, **({"steps": 3} | values))
    page.wait_for_function(
        """job => { const v = loom.stages.txt2img.value;
        return v.state === 'done' && v.job !== job; }""",
        arg=job,
    )


def drop(page: Page, content: bytes) -> None:
    """Drops a file with this content on the page."""
    encoded = list(content)
    page.evaluate(
        """content => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(content)], "one.png", {type: "image/png"}));
        for (const type of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true}));
    }""",
        encoded,
    )
    page.get_by_role("button", name="Use its settings").click()


def test_a_result_is_verified_and_closed_again(pages: Pages) -> None:
    page = pages()
    generated(page, "a red house to verify")
    page.locator(VERIFY).click()
    expect(say(page)).to_have_text(SAME)
    expect(page.locator(".check .view img.other")).to_be_visible()
    assert serious(page) == []
    wipe = page.get_by_label("How much of the first picture is shown")
    wipe.focus()
    page.keyboard.press("Home")
    expect(wipe).to_have_value("0")
    page.keyboard.press("Escape")
    expect(page.locator(".check")).to_be_hidden()
    expect(page.locator(VERIFY)).to_be_focused()
    assert page.evaluate("loom.stages.txt2img.value.state") == "done"


def test_a_past_picture_and_a_phone(pages: Pages) -> None:
    page = pages(width=390, height=844)
    generated(page, "a past house on a phone")
    page.get_by_role("button", name="History").click()
    page.locator(".past", has_text="a past house on a phone").first.locator(".open").click()
    page.locator(".lightbox .verify").click()
    expect(say(page)).to_have_text(SAME)
    box = page.locator(".check").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    small = page.evaluate("""() => [...document.querySelectorAll(".check button, .check input")]
        .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 39.5)
        .map((node) => node.outerHTML)""")
    assert small == []
    assert serious(page) == []


def test_a_dropped_picture_offers_to_be_verified(pages: Pages) -> None:
    page = pages()
    generated(page, "a dropped house")
    page.evaluate(DROP)
    page.get_by_role("button", name="Use its settings").click()
    page.locator(".loom-note .act", has_text="Verify").click()
    expect(say(page)).to_have_text(SAME)


def test_a_changed_picture_is_not_the_same(pages: Pages, server: Server) -> None:
    page = pages()
    generated(page, "a house with a changed pixel")
    newest = max(server.data.rglob("*.png"), key=lambda path: path.stat().st_mtime_ns)
    found = read(newest.read_bytes())
    pixels = np.array(Image.open(newest).convert("RGB"))
    pixels[3, 4, 1] ^= 2
    record = Record(
        found.mode,
        found.settings,
        {"name": "pocket", "hash": "f" * 10},
        found.extra | {"torch": "1.0"},
    )
    drop(page, write_png(pixels, record))
    page.locator(".loom-note .act", has_text="Verify").click()
    expect(say(page)).to_contain_text("Not the same: the largest difference is 2 of 255")
    expect(say(page)).to_contain_text("99.99 % of the pixels are equal")
    expect(page.locator(".check .found")).to_contain_text("model's weights: ffffffffff then")
    expect(page.locator(".check .found")).to_contain_text("torch: 1.0 then, none now")


def test_missing_inputs_and_failures_are_sentences(pages: Pages) -> None:
    page = pages()
    stream = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(stream, "png")
    settings = {"prompt": "a house", "width": 64, "height": 64, "seed": 3, "guidance_scale": 4.0}
    content = write_png(
        np.zeros((64, 64, 3), np.uint8),
        Record("img2img", settings, {"name": "pocket", "hash": ""}, {"image_sha256": "0" * 64}),
    )
    drop(page, content)
    page.locator(".loom-note .act", has_text="Verify").click()
    expect(say(page)).to_contain_text("names but does not hold: 'image' is missing")


def test_a_verification_that_is_closed_stops(pages: Pages) -> None:
    page = pages()
    generated(page, "a long way to verify", steps=100)
    page.locator(VERIFY).click()
    expect(say(page)).to_contain_text(re.compile(r"step \d"))
    page.locator(".check .close").click()
    expect(page.locator(".check")).to_be_hidden()
    generated(page, "after the closed one")  # the one worker is free again: 100 steps take 5 s


def test_a_picture_that_is_gone_is_a_sentence(pages: Pages, server: Server) -> None:
    page = pages()
    generated(page, "a house that goes")
    page.get_by_role("button", name="History").click()
    page.locator(".past", has_text="a house that goes").first.locator(".open").click()
    newest = max(server.data.rglob("*.png"), key=lambda path: path.stat().st_mtime_ns)
    Path(newest).unlink()
    page.locator(".lightbox .verify").click()
    expect(say(page)).to_have_text("There is no such picture among the outputs.")
