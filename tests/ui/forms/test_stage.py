"""The page in a real browser: one picture's whole way."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from backend.recipes.metadata import read
from tests.ui.conftest import Pages, Server, kind_of, start, wait_state
from tests.ui.proxy import Proxy

pytestmark = pytest.mark.browser


def frame(page: Page) -> str:
    return page.locator(".frame").get_attribute("src") or ""


def pixels(page: Page) -> NDArray[np.uint8]:
    """The finished picture that the stage shows, as the browser gets it."""
    encoded = page.evaluate("""async () => {
        const url = loom.stages.txt2img.value.results[0].url;
        const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
        return btoa(String.fromCharCode(...bytes));
    }""")
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        return np.asarray(image)


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).bounding_box()
    assert found is not None
    return {key: round(value) for key, value in found.items()}


def test_from_example_to_picture(pages: Pages) -> None:
    page = pages()
    chip = page.locator(".welcome .chip:visible").first
    words = chip.inner_text()
    chip.click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(words)
    place = box(page, ".canvas")
    page.locator("#txt2img-steps input[type=number]").fill("60")
    page.get_by_role("button", name="Generate").click()
    wait_state(page, "running")
    expect(page.get_by_role("button", name="Add to queue")).to_be_enabled()
    page.wait_for_function("document.querySelector('.stage').dataset.frames >= 2")
    assert kind_of(page, ".frame") == "image/jpeg"
    assert box(page, ".canvas") == place
    wait_state(page, "done")
    assert box(page, ".canvas") == place
    expect(page.locator(".line")).to_contain_text("256 × 256")
    assert pixels(page).shape == (256, 256, 3)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    record = read(Path(download.value.path()).read_bytes())
    assert record.settings["prompt"] == words
    assert str(record.settings["seed"]) == page.locator(".seed b").inner_text()


def test_timeline_branch_and_video(pages: Pages) -> None:
    page = pages()
    start(page, "a blue boat", batch_size=2, steps=12)
    wait_state(page, "done")
    expect(page.locator(".thumb")).to_have_count(2)
    original, final = pixels(page), frame(page)
    seed = page.locator(".seed b").inner_text()
    slider = page.get_by_label("Timeline, step")
    slider.fill("4")
    expect(page.locator(".frame")).not_to_have_attribute("src", final)
    page.get_by_title("Show the noisy picture").click()
    expect(page.locator(".second")).to_be_visible()
    with page.expect_download() as video:
        page.get_by_role("button", name="Save as video").click()
    assert Path(video.value.path()).read_bytes()[4:8] == b"ftyp"
    first = page.evaluate("loom.stages.txt2img.value.job")
    page.get_by_role("button", name="Branch from here").click()
    page.wait_for_function(
        "job => { const v = loom.stages.txt2img.value; "
        "return v.state === 'done' && v.job !== job; }",
        arg=first,
    )
    assert page.locator(".seed b").inner_text() == seed
    assert np.array_equal(pixels(page), original)
    page.locator(".thumb").nth(1).click()
    page.get_by_role("button", name="Reuse seed").click()
    expect(page.get_by_label("Seed", exact=True)).to_have_value(str(int(seed) + 1))
    page.get_by_role("button", name="Random seed").click()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("-1")
    page.get_by_role("button", name="Seed of the last picture").click()
    expect(page.get_by_label("Seed", exact=True)).to_have_value(seed)


def test_escape_stops_and_keeps_what_there_is(pages: Pages) -> None:
    page = pages()
    start(page, "a long way", steps=150)
    wait_state(page, "running")
    page.wait_for_function("loom.stages.txt2img.value.step > 0")
    page.keyboard.press("Escape")
    wait_state(page, "stopped")
    assert kind_of(page, ".frame") == "image/jpeg"
    expect(page.get_by_role("button", name="Branch from here")).to_be_enabled()
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()


def test_a_stop_before_the_page_knows_its_job_counts(pages: Pages) -> None:
    page = pages()
    page.evaluate("""() => {
        const { go, stop } = loom.forms.txt2img;
        go.addEventListener("click", () => stop.click());
    }""")
    start(page, "on second thoughts", steps=150)
    wait_state(page, "stopped")
    expect(page.locator("button.stop:visible")).to_be_disabled()


def test_a_page_that_still_settles_keeps_a_stop(pages: Pages) -> None:
    page = pages()
    # Here the stage is still to be told once more that it is empty.
    page.evaluate("""() => {
        const { go, stop } = loom.forms.txt2img;
        go.click();
        stop.click();
    }""")
    wait_state(page, "stopped")


def test_a_reload_comes_back_to_the_job(pages: Pages) -> None:
    page = pages()
    start(page, "ein Überraschungsei", steps=90)
    wait_state(page, "running")
    job = page.evaluate("loom.stages.txt2img.value.job")
    pages.reload(page)
    wait_state(page, "running", "done")
    assert page.evaluate("loom.stages.txt2img.value.job") == job
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("ein Überraschungsei")
    expect(page.locator("#txt2img-steps input[type=number]")).to_have_value("90")
    wait_state(page, "done")
    assert pixels(page).shape == (256, 256, 3)


@pytest.mark.parametrize("delay_ms", [0, 30, None])
def test_a_reload_right_after_generate_keeps_sight_of_it(
    pages: Pages, delay_ms: int | None
) -> None:
    """With None, a reload once the press knows what it asks for: from then on it is never lost."""
    page = pages()
    page.get_by_label("Prompt", exact=True).fill("a bell at once")
    page.wait_for_function("loom.forms.txt2img.last?.prompt === 'a bell at once'")
    pages.expect_complaints()
    page.evaluate(
        """async delay => {
            const asks = () => JSON.parse(sessionStorage["loom.pressed"]).every(({body}) => body);
            document.querySelector(".go").click();
            do await new Promise((go) => setTimeout(go, delay ?? 1));
            while (delay === null && !asks());
            location.reload();
        }""",
        delay_ms,
    )
    pages.wait(page)
    # Either the job is here, or the page says that the press never left it.
    lost = page.locator(".loom-note", has_text="press it once more")
    busy = "['queued', 'loading', 'running', 'done'].includes(loom.stages.txt2img.value.state)"
    page.wait_for_function(
        f"{busy} || [...document.querySelectorAll('.loom-note')]"
        ".some((note) => note.textContent.includes('press it once more'))"
    )
    if delay_ms is None:
        expect(lost).to_have_count(0)
    if lost.count() == 0:
        wait_state(page, "done")
        assert pixels(page).shape == (256, 256, 3)


@pytest.mark.parametrize("path", ["", "/loom/jobs/events"], ids=["all", "states"])
def test_cut_connections_are_made_up_for(pages: Pages, server: Server, path: str) -> None:
    proxy = Proxy(server.url)
    try:
        page = pages(proxy.url)
        start(page, "a boat in the fog", steps=60)
        page.wait_for_function("loom.stages.txt2img.value.step > 0")
        pages.expect_complaints()
        assert proxy.cut(path) > 0
        wait_state(page, "done")
        assert pixels(page).shape == (256, 256, 3)
    finally:
        proxy.close()


def test_failures_are_sentences_and_the_next_run_works(pages: Pages) -> None:
    page = pages()
    start(page, "!oom <img src=x onerror=alert(1)> ${alert(1)}", steps=3)
    wait_state(page, "failed")
    expect(page.locator(".overlay p")).to_have_text(
        "This picture does not fit into memory; 768x768 would fit."
    )
    page.get_by_label("Size", exact=True).fill("${alert(1)}<b>x</b>")
    page.get_by_label("Size", exact=True).press("Enter")
    start(page, "a house")
    page.wait_for_function("loom.stages.txt2img.value.message.includes('width x height')")
    page.get_by_label("Size", exact=True).fill("320x192")
    page.get_by_label("Size", exact=True).press("Enter")
    start(page, "a house")
    wait_state(page, "done")
    assert pixels(page).shape == (192, 320, 3)


def test_each_page_sees_its_own_job(pages: Pages) -> None:
    first, second = pages(), pages()
    start(first, "a red sun", steps=60, seed=1)
    start(second, "a blue sun", steps=20, seed=1)
    wait_state(second, "queued", "running", "done")
    expect(second.locator(".overlay p")).not_to_have_text("")
    wait_state(first, "done")
    wait_state(second, "done")
    assert first.evaluate("loom.stages.txt2img.value.job") != second.evaluate(
        "loom.stages.txt2img.value.job"
    )
    assert not np.array_equal(pixels(first), pixels(second))
    start(first, "a blue sun", steps=20, seed=1)
    wait_state(first, "queued", "running")
    wait_state(first, "done")
    assert np.array_equal(pixels(first), pixels(second))


@pytest.mark.parametrize("height", [900, 500])
def test_the_picture_stays_in_sight_beside_long_settings(pages: Pages, height: int) -> None:
    page = pages(height=height)
    page.locator("#txt2img-advanced > button").click()
    page.locator("#txt2img-grid > button").click()
    expect(page.locator("#txt2img-eta input[type=number]")).to_be_visible()
    page.mouse.move(200, 300)
    page.mouse.wheel(0, 700)
    page.wait_for_function("scrollY > 600")
    column = page.locator(".loom-right").first.bounding_box()
    assert column is not None
    # All of it where it fits, else its lower end.
    assert column["y"] + column["height"] <= height
    assert column["y"] >= 0 or column["y"] + column["height"] >= height - 20
