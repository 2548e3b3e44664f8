"""Every text that people or files bring into the page is shown as text: in Chromium, no policy."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, Page, expect

from backend.contracts.settings import parse
from backend.storage import remarks
from backend.storage.presets import Preset
from tests.hostile.conftest import listening
from tests.hostile.test_people import SECRET, peopled
from tests.ui.conftest import ready, wait_state
from tests.ui.panels.test_dropped import drop

# Any of these, taken for markup, leaves a mark or an element that the page does not have.
FOUND = """() => [window.brought, document.querySelectorAll(
    'img[src="nowhere"], [onerror], [onload], [onfocus], svg > script, iframe[srcdoc]').length]"""


def evil(where: str) -> str:
    """Words that are a script where they are taken for markup."""
    mark = f"window.brought=(window.brought||'')+'{where} '"
    return (
        f'{where}"><img src=nowhere onerror="{mark}"><svg onload="{mark}"></svg>'
        f'<script>{mark}</script><b autofocus onfocus="{mark}">\'x</b>${{{mark}}}'
    )


def picture(where: str, **texts: str) -> bytes:
    """A picture whose record is such words."""
    info = PngInfo()
    words = evil(where)
    told = (
        f"{words}\nNegative prompt: {words}\nSteps: 3, Seed: 1, Model: {words[:80]}, Odd: {words}"
    )
    for name, text in ({"parameters": told, "Author": words} | texts).items():
        info.add_text(name, text)
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 90, 200)).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def prepared(data: Path, foreign: Path) -> None:
    """What lies in the folders before the studio starts."""
    (data / "presets").mkdir(parents=True)
    words = evil("preset")
    preset = Preset("Evil", "txt2img", parse("txt2img", {"prompt": words}), {})
    (data / "presets" / "evil.json").write_bytes(preset.to_bytes())
    (data / "presets" / "<img src=nowhere onerror=1>.json").write_text("{")
    (data / "styles.csv").write_text(f'name,prompt,negative_prompt\n"{q("style")}",x,y\n')
    (data / "wildcards").mkdir()
    (data / "wildcards" / "evil.txt").write_text(evil("wildcard").replace("\n", " "))
    foreign.mkdir()
    (foreign / "<img src=nowhere onerror=1>.png").write_bytes(picture("foreign"))
    remarked = foreign / "with a note.png"
    remarked.write_bytes(picture("noted"))
    remarks.write(remarked, remarks.remark_of(evil("note"), [evil("tag")[:36]]))


def q(where: str) -> str:
    """The same words in a cell of a table."""
    return evil(where).replace('"', '""')


def still_dead(page: Page, where: str) -> None:
    page.wait_for_timeout(300)
    assert page.evaluate(FOUND) == [None, 0], where


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_text_of_anybodys_becomes_markup(chromium: Browser, tmp_path: Path) -> None:
    """Prompts, records, notes, presets, styles, keys, names of files, refusals, links, with the
    policy against scripts switched off."""
    data, foreign = tmp_path / "data", tmp_path / "foreign"
    prepared(data, foreign)
    with peopled(data, "--pictures", str(foreign), step_s="0.2") as server:
        listening(server)
        context = chromium.new_context(bypass_csp=True, viewport={"width": 1400, "height": 900})
        page = context.new_page()
        try:
            page.goto(f"{server.url}/?x={evil('query')}")
            page.get_by_label("username").fill(evil("name"))
            page.get_by_label("password").fill(evil("password"))
            page.get_by_role("button", name="Login").click()
            still_dead(page, "a login that fails")
            page.get_by_label("username").fill("olga")
            page.get_by_label("password").fill(SECRET)
            page.get_by_role("button", name="Login").click()
            ready(page)

            # A queue with such prompts, their words beside the stage, and a result.
            prompt = page.get_by_label("Prompt", exact=True)
            page.get_by_role("button", name="negative prompt").click()
            page.locator("#txt2img-negative_prompt textarea").fill(evil("negative"))
            steps = page.locator("#txt2img-steps input[type=number]")
            steps.fill("15")
            steps.press("Tab")
            prompt.fill(evil("prompt"))
            page.keyboard.press("Control+Enter")
            page.wait_for_function("window.loom?.stages.txt2img?.value.state === 'running'")
            page.locator(".queue-box .queue").click()
            expect(page.locator(".queue-list .words").first).to_contain_text("prompt")
            still_dead(page, "the queue")
            page.locator(".queue-box .queue").click()
            wait_state(page, "done")
            still_dead(page, "the result")

            # Refusals that name what was asked for.
            for words in (f"a <lora:{evil('lora')}:1>", f"a __{evil('wild')}__", "a __evil__"):
                prompt.fill(words)
                page.keyboard.press("Control+Enter")
                page.wait_for_timeout(500)
                still_dead(page, words[:20])

            # Styles, presets, the history with its notes, and one picture of it.
            page.locator("#txt2img-styles > button.label-wrap").click()
            still_dead(page, "styles")
            page.get_by_label("Preset", exact=True).click()
            still_dead(page, "presets")
            page.get_by_role("option", name="Evil", exact=True).click()
            expect(prompt).to_have_value(evil("preset"))
            still_dead(page, "a preset's prompt")
            page.get_by_role("button", name="History").click()
            gallery = page.locator(".gallery")
            expect(gallery.locator(".past img").first).to_be_visible()
            page.get_by_label("Search in the history").fill(evil("search"))
            still_dead(page, "a search")
            page.get_by_label("Search in the history").fill("")
            expect(gallery.locator(".past[data-index='2']")).to_be_visible()
            for index in range(3):
                gallery.locator(f".past[data-index='{index}'] .open").click()
                expect(page.locator(".lightbox .foot .words")).to_be_visible()
                still_dead(page, f"picture {index} of the history")
                page.keyboard.press("Escape")
                expect(page.locator(".lightbox")).to_be_hidden()
            page.reload()
            ready(page)

            # A file that is dropped, with its records.
            drop(page, picture("dropped", workflow=evil("workflow")), f"{evil('file')[:60]}.png")
            page.locator(".ask").get_by_role("button", name="Show its text").click()
            expect(page.locator(".ask pre").first).to_contain_text("dropped")
            still_dead(page, "a dropped file")
            page.reload()
            ready(page)

            # A key's name, and a link with settings.
            page.get_by_role("button", name="olga", exact=True).click()
            panel = page.get_by_role("region", name="Your account")
            panel.get_by_label("What the key is for").fill(evil("key"))
            panel.get_by_role("button", name="Make a key").click()
            expect(panel.locator(".own-keys li")).to_contain_text("key")
            still_dead(page, "a key")
            page.goto(f"{server.url}/?again#recipe={evil('link')}")
            ready(page)
            still_dead(page, "after a link")
        finally:
            context.close()
