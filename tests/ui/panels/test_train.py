"""The training panel in a browser and the endpoint /train_lora, on the FakeEngine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, Server, open_tab, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of its own: what is learned here would be offered in the tests of other files."""
    with running(tmp_path_factory.mktemp("data"), fake_step_s="0.05") as started:
        yield started


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sent")
    for index in range(3):
        pixels = np.full((48, 64, 3), 80 * index, np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


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


def test_the_endpoint_trains(client: Client, sent: list[Path]) -> None:
    job = client.submit(
        name="by-script",
        pictures=[handle_file(path) for path in sent],
        captions=["a", "b", "c"],
        steps=8,
        api_name="/train_lora",
    )
    files, info = job.result()
    assert info["training"]["lora"] == "by-script"
    assert [step for step, _ in info["training"]["losses"]] == list(range(1, 9))
    assert len(files) == len(info["training"]["validated"]) == 4
    assert any(report[1].get("loss") for report in job.outputs()[:-1])
    assert "by-script" in {lora["name"] for lora in client.predict(api_name="/options")["loras"]}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"name": "x"}, "no pictures"),
        ({"name": ""}, "Give the LoRA a name"),
        ({"name": "x", "rank": 0}, "rank"),
        ({"name": "a/b"}, "becomes a file"),
    ],
)
def test_the_endpoint_refuses_with_a_sentence(
    client: Client, values: dict[str, Any], says: str
) -> None:
    with pytest.raises(AppError, match=says):
        client.predict(**values, api_name="/train_lora")


def opened(page: Page) -> Page:
    open_tab(page, "LoRA mix")
    page.get_by_role("button", name="Train a LoRA").click()
    expect(page.get_by_role("button", name="Start training")).to_be_visible()
    return page


def state(page: Page, *states: str) -> None:
    page.wait_for_function(
        "states => states.includes(document.querySelector('.train-run').dataset.state)",
        arg=list(states),
    )


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_pictures_become_a_lora_in_the_rows(pages: Pages, sent: list[Path], width: int) -> None:
    page = opened(pages(width=width))
    page.get_by_label("Choose pictures to learn from").set_input_files(sent)
    expect(page.locator(".train-pictures [role=status]")).to_have_text("3 pictures")
    page.get_by_label("Caption of 1.png").fill("a boat")
    page.get_by_label("Remove 2.png").click()
    page.locator("#train-name :is(textarea, input)").fill(f"ink, {width}")
    page.get_by_role("button", name="Start training").click()
    state(page, "done")
    expect(page.locator(".train-run .line")).to_contain_text(f"‘ink, {width}’ is in the LoRA rows")
    assert page.locator(".train-run polyline.mean").get_attribute("points")
    expect(page.locator(".train-run .steps button")).to_have_count(4)
    page.get_by_label("Picture after 7 steps").click()
    expect(page.locator(".train-run .seen figcaption")).to_contain_text("After 7 steps")
    page.get_by_role("button", name=f"Add ‘ink, {width}’").click()
    expect(page.locator("#lora_mix-loras .lora-row select")).to_have_value(f"ink, {width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    pages.reload(page)
    open_tab(page, "LoRA mix")
    state(page, "done")
    expect(page.locator("#train-name :is(textarea, input)")).to_have_value(f"ink, {width}")
    expect(page.locator(".train-pictures [role=status]")).to_have_text("2 pictures")


@pytest.mark.browser
def test_stop_and_what_is_missing(pages: Pages, sent: list[Path]) -> None:
    page = opened(pages())
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".train-run .line")).to_have_text("Give the LoRA a name.")
    page.get_by_label("Choose pictures to learn from").set_input_files(sent)
    expect(page.locator(".train-pictures [role=status]")).to_have_text("3 pictures")
    page.locator("#train-name :is(textarea, input)").fill("stopped")
    page.locator("#train-preset input").click()
    page.get_by_role("option", name="one picture").click()
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".train-run .line")).to_contain_text("of 600")
    page.locator(".train-run .halt").click()
    state(page, "stopped")
    expect(page.get_by_role("button", name="Resume")).to_be_enabled()
