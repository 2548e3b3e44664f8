"""The morph tab in a real browser, and its endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Page, expect

from backend.recipes.metadata import read
from tests.ui.conftest import Pages, Server, open_tab


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    made = Client(
        server.url,
        verbose=False,
        analytics_enabled=False,
        download_files=tmp_path_factory.mktemp("downloads"),
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sent") / "picture.png"
    Image.fromarray(np.full((64, 96, 3), (200, 60, 30), np.uint8)).save(path)
    return path


def test_the_endpoint_gives_frames_and_a_file(client: Client, picture: Path) -> None:
    files, info = client.predict(
        image_a=handle_file(picture),
        prompt_b="a boat",
        frames=4,
        steps=3,
        width=64,
        height=64,
        format="webp",
        fps=20,
        api_name="/morph",
    )
    assert [read(Path(file).read_bytes()).extra["frame"] for file in files] == [0, 1, 2, 3]
    with Image.open(files[0]) as first:
        assert abs(int(np.asarray(first)[32, 32, 0]) - 200) < 3
    with Image.open(info["video"]) as video:
        assert video.format == "WEBP"
        assert getattr(video, "n_frames", 1) == 4
    assert len(info["distances"]) == 3
    assert {"ppl", "pdv", "reconstruction", "times_s", "sample_forwards"} <= set(info)


def test_a_missing_end_is_a_sentence(client: Client) -> None:
    with pytest.raises(AppError, match="End B is missing"):
        client.predict(prompt_a="a boat", api_name="/morph")


def opened(page: Page) -> Page:
    open_tab(page, "morph")
    page.wait_for_function("Boolean(loom.forms.morph && loom.stages.morph?.listen)")
    return page


def filled(page: Page, **values: str) -> None:
    for key, value in values.items():
        field = page.locator(f"#morph-{key} :is(textarea, input[type=number])")
        field.fill(value)
        field.press("Tab")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_a_small_morph_is_made_scrubbed_and_saved(pages: Pages, picture: Path, width: int) -> None:
    page = opened(pages(width=width))
    page.locator("#morph-image_a input[type=file]").set_input_files(picture)
    expect(page.locator("#morph-image_a img").first).to_be_visible()
    filled(page, prompt_b="a blue boat", frames="5", steps="4")
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.morph.value.state === 'done'")
    results = page.evaluate("loom.stages.morph.value.results.map((r) => r.url)")
    assert len(results) == 5
    scrubber = page.get_by_label("Frame of the morph")
    for frame in (5, 2):
        scrubber.fill(str(frame))
        expect(page.locator("#morph-stage .frame")).to_have_attribute("src", results[frame - 1])
    expect(page.locator(".morph output")).to_have_text("2/5")
    expect(page.locator(".morph .bars i")).to_have_count(4)
    expect(page.locator(".morph .light")).to_contain_text("near enough")
    expect(page.locator(".morph .ends-shown figcaption").first).to_contain_text("38.2 dB")
    with page.expect_download() as saved:
        page.get_by_role("button", name="GIF").click()
    assert saved.value.suggested_filename == "morph.gif"
    with Image.open(saved.value.path()) as gif:
        assert getattr(gif, "n_frames", 1) == 5
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.morph output').textContent === '4/5'")
    page.get_by_role("button", name="Pause").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_an_empty_form_says_what_is_missing(pages: Pages) -> None:
    page = opened(pages())
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.morph.value.state === 'failed'")
    assert "End A is missing" in page.evaluate("loom.stages.morph.value.message")
