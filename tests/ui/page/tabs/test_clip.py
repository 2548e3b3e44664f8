"""The clip tab in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.pictures.clips import films
from tests.ui.conftest import Pages, open_tab


def opened(page: Page) -> Page:
    open_tab(page, "clip")
    page.wait_for_function("Boolean(loom.forms.clip && loom.stages.clip?.listen)")
    return page


def filled(page: Page, **values: str) -> None:
    for key, value in values.items():
        field = page.locator(f"#clip-{key} :is(textarea, input[type=number])")
        field.fill(value)
        field.press("Tab")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 420])
def test_a_clip_is_made_scrubbed_played_and_saved(pages: Pages, tmp_path: Path, width: int) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(films.film(tmp_path, 6, size=(64, 64), name="made.mp4"))
    page = opened(pages(width=width))
    page.locator("#clip-clip input[type=file]").set_input_files(film)
    expect(page.locator("#clip-clip")).to_contain_text("film")
    expect(page.locator("#clip-part .strip img")).to_have_count(6)
    handle = page.get_by_label("First frame of the clip")
    handle.fill("1")
    handle.dispatch_event("change")
    expect(page.locator("#clip-first_frame input[type=number]")).to_have_value("1")
    expect(page.locator("#clip-part p")).to_have_text("5 frames")
    filled(page, prompt="a red house", steps="6")
    page.locator("#clip-control input[type=checkbox]").uncheck()
    page.locator("button.go:visible").click()
    page.wait_for_function("['done', 'failed'].includes(loom.stages.clip.value.state)")
    assert page.evaluate("loom.stages.clip.value.message") == ""
    results = page.evaluate("loom.stages.clip.value.results.map((r) => r.url)")
    assert len(results) == 5
    expect(page.locator(".clip .bars i")).to_have_count(4)
    scrubber = page.get_by_label("Frame of the clip", exact=True)
    for frame in (5, 2):
        scrubber.fill(str(frame))
        expect(page.locator("#clip-stage .frame")).to_have_attribute("src", results[frame - 1])
    expect(page.locator(".clip output")).to_have_text("2/5")
    for side in ("before", "after"):
        expect(page.locator(f".clip .source .{side}")).to_be_visible()
        page.wait_for_function(f"document.querySelector('.clip .source .{side}').naturalWidth > 0")
    page.get_by_label("Wipe from before to after").fill("30")
    seen = "getComputedStyle(document.querySelector('.clip .source .after')).clipPath"
    assert "30%" in page.evaluate(seen)
    page.locator("#clip-panel").get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.clip output').textContent === '4/5'")
    page.wait_for_function("document.querySelector('.clip output').textContent === '1/5'")  # round
    page.locator("#clip-panel").get_by_role("button", name="Pause").click()
    with page.expect_download() as saved:
        page.locator("#clip-panel").get_by_role("button", name="GIF").click()
    assert saved.value.suggested_filename == "clip.gif"
    with Image.open(saved.value.path()) as gif:
        assert getattr(gif, "n_frames", 1) == 5
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_a_page_that_is_opened_again_comes_back_to_its_clip(pages: Pages, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(films.film(tmp_path, 6, size=(64, 64), name="made.mp4"))
    page = opened(pages())
    page.locator("#clip-clip input[type=file]").set_input_files(film)
    expect(page.locator("#clip-part .strip img")).to_have_count(6)
    filled(page, prompt="a red house", steps="90")
    page.locator("#clip-control input[type=checkbox]").uncheck()
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.clip.value.state === 'running'")
    job = page.evaluate("loom.stages.clip.value.job")
    pages.reload(page)
    opened(page)
    page.wait_for_function("['running', 'done'].includes(loom.stages.clip.value.state)")
    assert page.evaluate("loom.stages.clip.value.job") == job
    page.wait_for_function("loom.stages.clip.value.state === 'done'")
    assert page.evaluate("loom.stages.clip.value.results.length") == 6


@pytest.mark.browser
def test_an_empty_form_says_what_is_missing(pages: Pages) -> None:
    page = opened(pages())
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.clip.value.state === 'failed'")
    assert "There is no clip yet" in page.evaluate("loom.stages.clip.value.message")
    page.locator(".remedies").get_by_role("button", name="An example clip").click()
    expect(page.locator("#clip-part")).to_contain_text("6 frames")
