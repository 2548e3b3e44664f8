"""What a dropped file is wanted for: told by the server, asked by the page in a real browser."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Route, expect

from backend.contracts.events import Record
from backend.contracts.settings import parse
from backend.recipes.metadata import write_png
from tests.ui.conftest import Pages, start, wait_state
from tests.ui.page.test_access import serious
from ui.panels.dropped import MAX_TEXT_CHARS, look

PIXELS = np.full((48, 64, 3), 90, np.uint8)


def recipe() -> bytes:
    settings = parse("txt2img", {"prompt": "a dropped boat", "seed": 9}).model_dump(mode="json")
    return write_png(PIXELS, Record("txt2img", settings, {"name": "pocket", "hash": ""}))


def photo(kind: str = "JPEG", **more: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, kind, **more)
    return stream.getvalue()


def asked(folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr("ui.server.uploads.get_upload_folder", lambda: str(folder))
    (folder / "sent.png").write_bytes(content)
    return look({"path": str(folder / "sent.png")})


def test_a_recipe_is_named_by_its_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = asked(tmp_path, recipe(), monkeypatch)
    assert told["recipe"] == "Latent Loom"
    assert [key for key, _ in told["texts"]] == ["parameters", "latent-loom"]
    assert told["texts"][0][1].startswith("a dropped boat")


def test_every_text_of_a_foreign_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = PngInfo()
    texts.add_text("Author", "somebody")
    texts.add_text("Long", "x" * (MAX_TEXT_CHARS + 5))
    told = asked(tmp_path, photo("PNG", pnginfo=texts), monkeypatch)
    assert told["recipe"] == ""
    assert told["texts"][0] == ["Author", "somebody"]
    assert told["texts"][1][1].endswith("x… (5 characters more)")
    assert asked(tmp_path, photo(), monkeypatch) == {"recipe": "", "texts": []}


@pytest.mark.parametrize("sent", [None, {}, {"path": "/etc/hostname"}, {"path": 7}])
def test_what_is_no_upload_is_a_sentence(sent: Any) -> None:
    assert set(look(sent)) == {"error"}


def drop(page: Page, content: bytes, name: str) -> None:
    page.evaluate(
        """([content, name]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(content)], name));
        for (const type of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true}));
    }""",
        [list(content), name],
    )


@pytest.mark.browser
def test_a_picture_with_a_recipe_asks_what_it_is_wanted_for(pages: Pages) -> None:
    page = pages(width=420, height=860)
    drop(page, recipe(), "one.png")
    ask = page.locator(".ask")
    expect(ask).to_be_visible()
    ask.get_by_role("button", name="Show its text").click()
    expect(ask.locator("pre").first).to_contain_text("a dropped boat")
    assert serious(page) == []
    ask.get_by_role("button", name="style transfer").click()
    expect(ask).to_be_hidden()
    expect(page.locator("#style_transfer-image img")).to_be_visible()
    drop(page, recipe(), "two.png")
    ask.get_by_role("button", name="Use its settings").click()
    expect(page.locator("#txt2img-prompt textarea")).to_have_value("a dropped boat")


@pytest.mark.browser
def test_a_photo_becomes_the_picture_of_the_open_tab_or_img2img(pages: Pages) -> None:
    page = pages()
    drop(page, photo(), "photo.jpg")
    expect(page.locator("#img2img-image img")).to_be_visible()
    expect(page.get_by_role("tab", name="img2img")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="upscale").click()
    drop(page, photo("WEBP"), "photo.webp")
    expect(page.locator("#upscale-image img")).to_be_visible()
    drop(page, b"%PDF", "paper.pdf")
    expect(page.locator(".loom-note.warn", has_text="other files are not read")).to_be_visible()
    drop(page, b"no picture", "broken.png")
    expect(page.locator(".loom-note.warn", has_text="picture that can be read")).to_be_visible()


@pytest.mark.browser
def test_a_result_is_dragged_onto_a_tab(pages: Pages) -> None:
    page = pages()
    start(page, "a boat to drag", steps=2, seed=3)
    wait_state(page, "done")
    page.locator("#txt2img-stage .frame").drag_to(page.get_by_role("tab", name="img2img"))
    expect(page.locator("#img2img-image img")).to_be_visible()
    expect(page.locator(".veil")).to_be_hidden()
    expect(page.get_by_role("tab", name="img2img")).to_have_attribute("aria-selected", "true")


@pytest.mark.browser
def test_what_a_tool_wrote_beside_a_picture_is_no_list_of_prompts(pages: Pages) -> None:
    page = pages()
    line = "Steps: 8, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 256x256"
    drop(page, f"a written house\nNegative prompt: fog\n{line}\n".encode(), "00001.txt")
    said = page.locator(".loom-note", has_text="The file holds a recipe of A1111")
    said.get_by_role("button", name="Use its settings").click()
    expect(page.locator("#txt2img-prompt textarea")).to_have_value("a written house")
    drop(page, b'{"a": 1}', "other.json")
    expect(page.locator(".loom-note.warn", has_text="no settings that can be read")).to_be_visible()


@pytest.mark.browser
def test_whichever_tab_is_open_a_dropped_picture_offers_what_it_holds(pages: Pages) -> None:
    page = pages(width=1400)
    names = page.locator(".loom-tabs [role=tab]:visible").all_inner_texts()
    assert len(names) >= 7
    for name in dict.fromkeys(names):
        page.get_by_role("tab", name=name.strip(), exact=True).click()
        drop(page, recipe(), "one.png")
        ask = page.locator("dialog.ask")
        expect(ask.get_by_role("button", name="Use its settings")).to_be_visible()
        page.keyboard.press("Escape")
        expect(ask).to_have_count(0)


@pytest.mark.browser
def test_a_file_of_prompts_is_drawn_line_by_line(pages: Pages) -> None:
    page = pages()
    steps = page.locator("#txt2img-steps input[type=number]")
    steps.fill("2")
    steps.press("Tab")
    # Both have ended before the page hears of either, as on a machine that is busy.
    held: list[Route] = []
    page.route("**/loom/jobs/events*", lambda route: held.append(route))
    drop(page, b"a first boat\n\na second boat\n# no third\n", "prompts.txt")
    page.get_by_role("button", name="Draw them").click()
    page.wait_for_function(
        """async () => (await (await fetch('loom/history')).text()).includes('a second boat')"""
    )
    page.unroute("**/loom/jobs/events*")
    for one in held:
        with suppress(PlaywrightError):  # the page has asked anew for more of them
            one.continue_()
    tiles = page.locator("#txt2img-stage .film .tile:not(.going)")
    expect(tiles).to_have_count(2)
    page.get_by_role("button", name="History").click()
    expect(page.locator(".past .words").nth(0)).to_have_text("a second boat")
    expect(page.locator(".past .words").nth(1)).to_have_text("a first boat")
