"""The style transfer tab: what it shows of the control, its endpoint, and the page itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Page, expect

from backend.contracts.errors import BadInput
from backend.contracts.library import ModelEntry
from backend.engine.fake.engine import FakeEngine
from tests.tiny_control import house
from tests.ui.conftest import Pages, Server, kind_of
from ui.page.tabs.style_transfer import missing, shown

UNKNOWN = ModelEntry("")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house with a soft second edge, so that the upper threshold matters."""
    picture = house(320, 240)
    picture[190:200, 20:60] = picture[190:200, 20:60] // 2 + 40
    path = tmp_path_factory.mktemp("pictures") / "house.png"
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture
def upload(source: Path) -> Iterator[dict[str, str]]:
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "style-transfer-house.png"
    path.write_bytes(source.read_bytes())
    yield {"path": str(path)}
    path.unlink()


def values(**given: Any) -> dict[str, Any]:
    return {
        "image": None,
        "control_image": None,
        "detector": "canny",
        "canny_low": 100,
        "canny_high": 200,
        "size": "192x128",
        "resize_mode": "crop",
        "model": "pocket",
        "controlnet": "",
        **given,
    }


def test_the_edges_are_those_of_the_size_that_is_drawn(upload: dict[str, str]) -> None:
    found = shown(values(image=upload), UNKNOWN)
    assert found["src"].startswith("data:image/png")
    assert found["text"].startswith("192 × 128 px · ")
    native = shown(values(image=upload, size="native"), ModelEntry("small", native_size=(256, 256)))
    assert native["text"].startswith("256 × 256 px · ")
    direct = shown(values(image=upload, control_image=upload), UNKNOWN)
    assert direct["text"] == "192 × 128 px, used as it is"
    assert "Add a picture" in shown(values(), UNKNOWN)["text"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"canny_low": 210}, "must not lie above"),
        ({"size": "9000x8"}, "between 64 and 2048"),
        ({"size": "wide"}, "width x height"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(
    upload: dict[str, str], given: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        shown(values(image=upload, **given), UNKNOWN)


def test_files_of_the_server_are_not_read(source: Path) -> None:
    with pytest.raises(BadInput):
        shown(values(image={"path": str(source)}), UNKNOWN)


def test_a_model_without_a_controlnet_is_told_where_to_put_one() -> None:
    engine = FakeEngine()
    library = engine.library()
    engine.close()
    assert missing(library, "pocket", "canny") == ""
    said = missing(library, "studio-xl", "canny")
    assert "models/controlnet/studio-xl-canny" in said
    assert "'depth_midas'" in missing(library, "pocket", "depth_midas")


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


def test_the_endpoint_takes_a_source_and_tells_obedience(client: Client, source: Path) -> None:
    files, info = client.predict(
        prompt="a blue house",
        image=handle_file(source),
        steps=2,
        seed=4,
        width=192,
        height=128,
        api_name="/style_transfer",
    )
    with Image.open(files[0]) as picture:
        assert np.asarray(picture).shape == (128, 192, 3)
    assert info["settings"]["canny_high"] == 200
    again, _ = client.predict(
        prompt="a blue house",
        control_image=handle_file(source),
        steps=2,
        seed=4,
        api_name="/style_transfer",
    )
    assert len(again) == 1


def test_the_endpoint_wants_a_source(client: Client) -> None:
    with pytest.raises(AppError, match="no source picture"):
        client.predict(prompt="a house", steps=2, api_name="/style_transfer")


def opened(page: Page, source: Path) -> None:
    page.get_by_role("tab", name="style transfer").click()
    page.wait_for_function("loom.forms.style_transfer && loom.stages.style_transfer")
    page.locator("#style_transfer-image input[type=file]").set_input_files(source)
    page.wait_for_function("document.querySelector('.edges img')?.src.startsWith('data:')")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 420])
def test_from_a_picture_to_its_kept_edges(pages: Pages, source: Path, width: int) -> None:
    page = pages(width=width)
    opened(page, source)
    before = page.locator(".edges img").get_attribute("src")
    field = page.locator("#style_transfer-canny_high input[type=number]")
    field.fill("100")
    field.press("Tab")
    expect(page.locator(".edges img")).not_to_have_attribute("src", before or "")
    page.locator("#style_transfer-prompt textarea").fill("a blue house")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("loom.stages.style_transfer.value.state === 'done'")
    expect(page.locator(".obedience:visible")).to_contain_text("% of the edges kept")
    page.get_by_role("button", name="Edges", exact=True).click()
    shown_frame = page.locator("#style_transfer-stage .frame")
    page.wait_for_function(
        "document.querySelector('#style_transfer-stage .frame').src.startsWith('blob:')"
    )
    expect(shown_frame).to_be_visible()
    assert kind_of(page, "#style_transfer-stage .frame") == "image/png"
    advice = page.locator(".advice .chip:visible").first
    value = page.evaluate("loom.stages.style_transfer.value.results[0].obedience.suggestions[0]")
    advice.click()
    for key, wanted in value["changes"].items():
        expect(page.locator(f"#style_transfer-{key} input[type=number]")).to_have_value(
            json.dumps(wanted)
        )
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_without_a_controlnet_the_tab_says_so(pages: Pages) -> None:
    page = pages()
    page.get_by_role("tab", name="style transfer").click()
    expect(page.locator(".edges-note")).to_be_hidden()
    page.locator("#loom-model input").click()
    page.get_by_role("option", name="Studio Xl").click()
    expect(page.locator(".edges-note")).to_contain_text("models/controlnet")
