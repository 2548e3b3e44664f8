"""The whole way on the built-in model: `app.py` as people start it, its client and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from backend.contracts.events import Record
from backend.recipes.metadata import read, write_png
from tests.ui.conftest import PATIENCE_MS, Pages, Server, running, wait_state
from tests.ui.forms.test_stage import frame, pixels

PROMPT = "a red house on grass"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("data"), fake_step_s=None) as started:
        yield started


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


def generate(client: Client, **settings: Any) -> tuple[list[np.ndarray], dict[str, Any]]:
    files, info = client.predict(api_name="/txt2img", **settings)
    return [np.asarray(Image.open(file).convert("RGB")) for file in files], info


def test_a_batch_is_the_same_as_its_seeds_one_by_one(client: Client) -> None:
    files, info = client.predict(prompt=PROMPT, batch_size=2, seed=41, steps=6, api_name="/txt2img")
    pictures = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    # More rows a call round otherwise; in half precision, where that is the faster, to more.
    exact = read(Path(files[0]).read_bytes()).extra["dtype"] == "float32"
    assert info["seeds"] == [41, 42]
    assert info["steps"] == 6
    assert info["model"]["name"] == "pocket"
    for seed, picture in zip((41, 42), pictures, strict=True):
        (alone,), _ = generate(client, prompt=PROMPT, seed=seed, steps=6)
        difference = np.abs(alone.astype(int) - picture)
        assert np.mean(difference.max(axis=-1) <= (2 if exact else 8)) >= 0.99


def test_two_clients_at_once_get_what_they_get_alone(client: Client, server: Server) -> None:
    wanted = [
        {"prompt": PROMPT, "seed": 5, "steps": 5},
        {"prompt": "a blue boat at sunset", "seed": 6, "steps": 5},
    ]
    alone = [generate(client, **each)[0][0] for each in wanted]
    other = Client(server.url, verbose=False, analytics_enabled=False)
    with ThreadPoolExecutor(2) as pool:
        together = list(
            pool.map(
                lambda pair: generate(pair[0], **pair[1])[0][0],
                zip((client, other), wanted, strict=True),
            )
        )
    other.close()
    for got, expected in zip(together, alone, strict=True):
        assert np.array_equal(got, expected)


def test_the_record_in_the_file_makes_the_picture_again(client: Client) -> None:
    files, _ = client.predict(prompt=PROMPT, steps=4, api_name="/txt2img")
    record = read(Path(files[0]).read_bytes())
    (again,), _ = generate(client, **record.settings)
    assert np.array_equal(again, np.asarray(Image.open(files[0]).convert("RGB")))


@pytest.mark.browser
def test_the_browser_watches_a_picture_form(chromium: Browser, server: Server) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    pages = Pages(chromium, server.url)
    try:
        page = pages()
        page.get_by_label("Prompt", exact=True).fill(PROMPT)
        page.keyboard.press("Control+Enter")
        wait_state(page, "running")
        page.wait_for_function("document.querySelector('.stage').dataset.frames >= 2")
        wait_state(page, "done")
        expect(page.locator(".line")).to_contain_text("256 × 256")
        original, final = pixels(page), frame(page)
        page.get_by_label("Timeline, step").fill("4")
        expect(page.locator(".frame")).not_to_have_attribute("src", final)
        job = page.evaluate("loom.stages.txt2img.value.job")
        page.get_by_role("button", name="Branch from here").click()
        page.wait_for_function(
            "job => { const v = loom.stages.txt2img.value; "
            "return v.state === 'done' && v.job !== job; }",
            arg=job,
        )
        assert np.array_equal(pixels(page), original)
        assert pages.problems == []
    finally:
        pages.close()


@pytest.mark.browser
def test_each_tab_draws_what_its_record_says(
    chromium: Browser, server: Server, tmp_path: Path
) -> None:
    """One walk through all tabs of one page: each form, its job on the engine, and its picture."""
    expect.set_options(timeout=PATIENCE_MS)
    source = tmp_path / "source.png"
    picture = np.full((256, 256, 3), 235, np.uint8)
    picture[96:192, 64:192] = (180, 40, 40)
    Image.fromarray(picture).save(source)
    pages = Pages(chromium, server.url)
    # Gradio's own: a preview of an upload is asked for while it is still being written.
    pages.tolerated = "ERR_CONTENT_LENGTH_MISMATCH"
    try:
        page = pages()
        assert drawn(page, server, "txt2img", steps="3") == {"txt2img"}

        opened(page, "img2img")
        page.locator("#img2img-image input[type=file]").set_input_files(source)
        expect(page.locator("#img2img-image img").first).to_be_visible()
        assert drawn(page, server, "img2img", steps="4", strength="0.5") == {"img2img"}

        opened(page, "loopback")
        page.locator("#loopback-image input[type=file]").set_input_files(source)
        expect(page.locator("#loopback-image img").first).to_be_visible()
        assert drawn(page, server, "loopback", loops="2", steps="4", strength="0.5") == {"loopback"}
        assert page.evaluate("loom.stages.loopback.value.results.length") == 2

        opened(page, "style_transfer", "style transfer")
        page.locator("#style_transfer-image input[type=file]").set_input_files(source)
        page.wait_for_function("document.querySelector('.edges img')?.src.startsWith('data:')")
        assert drawn(page, server, "style_transfer", steps="3") == {"style_transfer"}
        expect(page.locator(".obedience:visible")).to_contain_text("% of the edges kept")

        opened(page, "lora_mix", "LoRA mix")
        page.locator("#lora_mix-loras .lora-add").click()
        page.get_by_label("Compare LoRAs").check()
        assert drawn(page, server, "lora_mix", steps="2") == {"lora_mix"}
        thumbs = page.locator("#lora_mix-stage .strip .thumb")
        labels = thumbs.evaluate_all("all => all.map((b) => b.dataset.label ?? '')")
        assert labels == ["no LoRA", "pocket-ink-sketch 1"]

        opened(page, "morph")
        for end, words in (("a", "a red house"), ("b", "a blue boat")):
            page.locator(f"#morph-prompt_{end} textarea").fill(words)
        assert drawn(page, server, "morph", prompt=None, steps="2", frames="3") == {"morph"}
        assert page.evaluate("loom.stages.morph.value.results.length") == 3
        assert pages.problems == []
    finally:
        pages.close()


def opened(page: Page, mode: str, title: str = "") -> None:
    page.get_by_role("tab", name=title or mode).click()
    page.wait_for_function(f"Boolean(loom.forms.{mode} && loom.stages.{mode})")


def drawn(
    page: Page, server: Server, mode: str, prompt: str | None = PROMPT, **values: str
) -> set[str]:
    """Fills the open tab, generates, and returns the modes that the new pictures' records name."""
    before = set(server.data.rglob("*.png"))
    if prompt is not None:
        page.locator(f"#{mode}-prompt textarea").fill(prompt)
    for key, value in values.items():
        field = page.locator(f"#{mode}-{key} input[type=number]")
        field.fill(value)
        field.press("Tab")
    page.locator("button.go:visible").click()
    stage = f"loom.stages.{mode}.value"
    # A request that is refused has no job.
    page.wait_for_function(f"{stage}.state === 'failed' || {stage}.job && {stage}.state === 'done'")
    assert page.evaluate(f"[{stage}.state, {stage}.message]") == ["done", ""]
    new = set(server.data.rglob("*.png")) - before
    assert new
    for path in new:
        settings = read(path.read_bytes()).settings
        assert str(settings["steps"]) == values["steps"]
    return {read(path.read_bytes()).mode for path in new}


def test_a_record_verified_on_the_same_machine_is_the_same_bit_for_bit(client: Client) -> None:
    files, _ = client.predict(
        prompt=PROMPT,
        steps=4,
        seed=11,
        api_name="/txt2img",
        loras=[{"name": "pocket-ink-sketch", "weight": 0.7}],
    )
    found = client.predict(file=handle_file(files[0]), api_name="/verify")
    assert found["verdict"] == "The same, bit for bit."
    assert (found["equal"], found["largest_difference"], found["equal_share"]) == (True, 0, 1.0)
    assert (found["changes"], found["not_recorded"], found["notes"]) == ([], [], [])
    extra = read(Path(files[0]).read_bytes()).extra
    assert {"studio", "torch", "diffusers", "device", "hardware", "dtype"} <= set(extra)
    assert set(extra["part_hashes"]) == {"vae", "text_encoder"}
    assert set(extra["lora_hashes"]) == {"pocket-ink-sketch"}


def test_another_seed_under_the_same_record_is_found_out(client: Client, tmp_path: Path) -> None:
    files, _ = client.predict(prompt=PROMPT, steps=4, seed=11, api_name="/txt2img")
    found = read(Path(files[0]).read_bytes())
    record = Record(
        found.mode, found.settings | {"seed": 12}, found.model, found.extra | {"torch": "1.0"}
    )
    forged = tmp_path / "forged.png"
    forged.write_bytes(write_png(np.asarray(Image.open(files[0]).convert("RGB")), record))
    told = client.predict(file=handle_file(forged), api_name="/verify")
    assert not told["equal"]
    assert told["largest_difference"] > 0
    assert told["equal_share"] < 1
    assert [change["what"] for change in told["changes"]] == ["torch"]
