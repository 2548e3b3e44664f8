"""Several pictures as one batch of img2img, each result naming its source; in a browser."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image
from playwright.sync_api import expect

from backend.recipes.metadata import read
from tests.ui.conftest import Pages, Server, open_tab

pytestmark = pytest.mark.browser


def picture(colour: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(stream, "PNG")
    return stream.getvalue()


def test_a_zip_and_several_files_are_drawn_one_after_another(pages: Pages, server: Server) -> None:
    page = pages()
    open_tab(page, "img2img")
    page.locator("#img2img-prompt textarea").fill("a batch of seas")
    steps = page.locator("#img2img-steps input[type=number]")
    steps.fill("4")
    steps.press("Tab")
    several = page.locator("#img2img-image").get_by_role("button", name="Several, or a zip…")

    def choose(name: str, kind: str, content: bytes) -> None:
        with page.expect_file_chooser() as chooser:
            several.click()
        chooser.value.set_files([{"name": name, "mimeType": kind, "buffer": content}])

    choose("notes.txt", "text/plain", b"no")
    expect(page.locator(".loom-note", has_text="no picture among these")).to_be_visible()
    pack = io.BytesIO()
    with zipfile.ZipFile(pack, "w") as archive:
        for name, colour in (("b9.png", "blue"), ("b10.png", "red")):
            archive.writestr(f"sea/{name}", picture(colour))
    choose("seas.zip", "application/zip", pack.getvalue())
    offer = page.locator(".loom-note", has_text="2 pictures. Each can be drawn")
    offer.get_by_role("button", name="Draw them").click()
    page.wait_for_function(
        "loom.stages.img2img.value.results?.[0]?.label.startsWith('b10.png · strength')"
    )
    page.wait_for_function("loom.stages.img2img.value.state === 'done'")
    made = [read(path.read_bytes()).settings for path in server.data.glob("outputs/*/*.png")]
    ours = [one for one in made if one["prompt"] == "a batch of seas"]
    assert sorted(one["source_name"] for one in ours) == ["b10.png", "b9.png"]
    assert page.locator("#img2img-image img").count() == 0  # the form's own picture is as it was
