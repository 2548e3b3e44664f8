"""Links that carry a recipe, in a real browser: made, opened, refused."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.contracts.settings import (
    LoraMixSettings,
    MorphSettings,
    Txt2ImgSettings,
    XyzGridSettings,
)
from backend.recipes.permalink import decode, encode
from tests.ui.conftest import PATIENCE_MS, Pages, Server, ready, running, start, wait_state

pytestmark = pytest.mark.browser

KEPT = "localStorage.getItem('loom-txt2img-form')"

HOUSE = Txt2ImgSettings(
    prompt="a blue house ${alert(1)} <b>x</b>",
    negative_prompt="fog",
    steps=11,
    seed=5,
    width=320,
    height=192,
)


def link(server_url: str, recipe: str) -> str:
    return f"{server_url}/#recipe={recipe}"


def note(page: Page, text: str):
    return page.locator(".loom-note", has_text=text).first


def prompt(page: Page):
    return page.get_by_label("Prompt", exact=True)


def opened(page: Page) -> None:
    expect(note(page, "The link's settings are in the form; nothing has been run.")).to_be_visible()


def test_a_result_becomes_a_link_and_the_link_the_form(pages: Pages, server: Server) -> None:
    page = pages()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    start(page, "a red house by the link", steps=7)
    wait_state(page, "done")
    page.get_by_role("button", name="Copy link", exact=True).click()
    expect(note(page, "The link is copied")).to_be_visible()
    url = page.evaluate("navigator.clipboard.readText()")
    assert url.startswith(f"{server.url}/#recipe=")
    assert len(url) < 2000
    settings = decode(url.split("#recipe=")[1])
    seed = page.locator(".seed b").inner_text()
    assert (settings.prompt, str(settings.seed), settings.steps) == (
        "a red house by the link",
        seed,
        7,
    )

    asked: list[str] = []
    other = pages()
    other.on("request", lambda request: asked.append(request.url))
    pages.expect_complaints()  # of the streams that going elsewhere cuts
    other.goto("about:blank")
    other.goto(url)
    ready(other)
    opened(other)
    expect(prompt(other)).to_have_value("a red house by the link")
    expect(other.locator("#txt2img-steps input[type=number]")).to_have_value("7")
    expect(other.get_by_label("Seed", exact=True)).to_have_value(seed)
    assert other.evaluate("loom.stages.txt2img.value.state") == "empty"
    assert other.evaluate("location.hash") == ""
    assert asked
    assert not [one for one in asked if "recipe" in one]


def test_a_link_wins_over_what_the_browser_kept_and_a_reload_over_the_link(
    pages: Pages, server: Server
) -> None:
    page = pages()
    prompt(page).fill("kept by the browser")
    page.wait_for_function(KEPT)
    pages.leave(page)
    page.goto(link(server.url, encode(HOUSE)))
    ready(page)
    opened(page)
    expect(prompt(page)).to_have_value(HOUSE.prompt)
    expect(page.get_by_label("Size", exact=True)).to_have_value("320x192")
    before = page.evaluate(KEPT)
    prompt(page).fill("changed since")
    page.wait_for_function(
        f"before => loom.forms.txt2img.last.prompt === 'changed since' && {KEPT} !== before",
        arg=before,
    )
    pages.reload(page)
    expect(prompt(page)).to_have_value("changed since")


def test_an_open_page_takes_a_link_of_another_tab(pages: Pages, server: Server) -> None:
    page = pages()
    morph = MorphSettings(prompt_a="a red house", prompt_b="a blue boat", frames=7)
    page.goto(link(server.url, encode(morph)))
    opened(page)
    expect(page.get_by_role("tab", name="morph")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#morph-prompt_a textarea")).to_have_value("a red house")
    grid = XyzGridSettings(base_mode="lora_mix", prompt="a grid", x_field="steps", x_values="1-3")
    page.goto(link(server.url, encode(grid)))
    expect(page.get_by_role("tab", name="LoRA mix")).to_have_attribute("aria-selected", "true")
    mix = LoraMixSettings(prompt="a mix", model="nowhere")
    page.goto(link(server.url, encode(mix)))
    expect(note(page, "The model 'nowhere' is not here")).to_be_visible()


def _document(**document: object) -> str:
    packed = zlib.compress(json.dumps(document).encode(), 9)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def test_bad_links_are_sentences_and_fill_nothing(pages: Pages, server: Server) -> None:
    page = pages()
    prompt(page).fill("stays")
    bomb = base64.urlsafe_b64encode(zlib.compress(b" " * 3_500_000, 9)).decode().rstrip("=")
    for recipe, words in (
        (encode(HOUSE)[:-6], "cut off or damaged"),
        ("A" * 7000, "longer than 6 KB"),
        (bomb, "unpacks to more than 256 KB"),
        (_document(schema=9, mode="txt2img", settings={}), "newer version"),
        (_document(schema=1, mode="txt2img", settings={"promt": "x"}), "no setting 'promt'"),
    ):
        page.goto(link(server.url, recipe))
        expect(note(page, words)).to_be_visible()
        expect(prompt(page)).to_have_value("stays")


def test_the_form_becomes_a_link_without_a_clipboard(pages: Pages) -> None:
    page = pages(width=390, height=844)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    prompt(page).fill("a house of the form")
    page.get_by_role("button", name="Presets").click()
    page.get_by_role("button", name="Copy link to these settings").click()
    field = page.get_by_label("Link", exact=True)
    expect(field).to_be_visible()
    assert decode(field.input_value().split("#recipe=")[1]).prompt == "a house of the form"


def test_a_link_survives_the_login(pages: Pages, tmp_path: Path) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    with running(tmp_path, "--auth", "loom:secret") as private:
        page = pages(link(private.url, encode(HOUSE)), login=("loom", "secret"))
        opened(page)
        expect(prompt(page)).to_have_value(HOUSE.prompt)
        pages.rest(page)
