"""The endpoint /img2img, through a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from backend.contracts.settings import Img2ImgSettings
from backend.recipes.metadata import read
from tests.ui.conftest import Server

QUICK: dict[str, Any] = {
    "prompt": "a boat",
    "steps": 4,
    "seed": 7,
    "width": 64,
    "height": 64,
    "api_name": "/img2img",
}


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
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """picture.png and mask.png, 64 px, a text file and an SVG."""
    folder = tmp_path_factory.mktemp("sent")
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "picture.png")
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    (folder / "text.png").write_text("not a picture")
    (folder / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return folder


def test_parameters_are_the_settings_and_the_pictures(client: Client) -> None:
    info = client.view_api(return_format="dict")["named_endpoints"]["/img2img"]["parameters"]
    given = {p["parameter_name"]: p["parameter_default"] for p in info}
    expected = {name: field.get_default() for name, field in Img2ImgSettings.model_fields.items()}
    assert given == expected | {
        "loras": [],
        "templates": [],
        "changes": [],
        "regions": [],
        "strengths": [],
        **dict.fromkeys(Img2ImgSettings.pictures),
    }


def test_a_picture_from_a_picture(client: Client, files: Path) -> None:
    sent = handle_file(files / "picture.png")
    made, info = client.predict(image=sent, strength=0.5, **QUICK)
    assert info["steps"] == 2
    assert info["settings"]["strength"] == 0.5
    found = read(Path(made[0]).read_bytes())
    assert found.mode == "img2img"
    assert found.settings["strength"] == 0.5


def test_a_ladder_comes_strength_by_strength(client: Client, files: Path) -> None:
    sent = handle_file(files / "picture.png")
    made, _ = client.predict(image=sent, strengths=[0.25, 1.0], batch_size=2, **QUICK)
    records = [read(Path(file).read_bytes()) for file in made]
    assert [record.settings["strength"] for record in records] == [0.25, 0.25, 1.0, 1.0]
    assert [record.settings["seed"] for record in records] == [7, 8, 7, 8]
    assert [record.extra["steps"] for record in records] == [1, 1, 4, 4]
    sigmas = [record.extra["sigma"] for record in records]
    assert 0 < sigmas[0] < sigmas[2]


def test_outside_the_mask_the_upload_stays(client: Client, files: Path) -> None:
    made, _ = client.predict(
        image=handle_file(files / "picture.png"),
        strength=1.0,
        mask_blur=0,
        mask=handle_file(files / "mask.png"),
        **QUICK,
    )
    result, source = (np.asarray(Image.open(path)) for path in (made[0], files / "picture.png"))
    inside = np.asarray(Image.open(files / "mask.png")) > 0
    assert np.array_equal(result[~inside], source[~inside])
    assert not np.array_equal(result[inside], source[inside])


def test_outpainting_grows_the_picture(client: Client, files: Path) -> None:
    made, _ = client.predict(image=handle_file(files / "picture.png"), outpaint_right=32, **QUICK)
    with Image.open(made[0]) as result:
        assert result.size == (96, 64)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "no picture to start from"),
        ({"image": "text.png"}, "not a picture"),
        ({"image": "drawing.svg"}, "SVG"),
        ({"image": "picture.png", "strength": 0.1}, "runs no step"),
        ({"image": "picture.png", "strengths": [0.5, 2.0]}, "strengths"),
        ({"image": "picture.png", "only_masked": True}, "needs a mask"),
        ({"image": "picture.png", "outpaint_left": 4}, "outpaint_left"),
    ],
)
def test_bad_input_is_a_sentence(
    client: Client, files: Path, values: dict[str, Any], said: str
) -> None:
    sent = {
        key: handle_file(files / value) if key == "image" else value
        for key, value in values.items()
    }
    with pytest.raises(AppError, match=said):
        client.predict(**sent, **QUICK)


def test_a_path_on_the_server_is_refused(server: Server) -> None:
    body = {"image": {"path": str(Path(__file__).resolve())}, "steps": 4}
    url = f"{server.url}/gradio_api/call/v2/img2img"
    sent = httpx.post(url, json=body, timeout=60)
    with httpx.stream("GET", f"{url}/{sent.json()['event_id']}", timeout=60) as events:
        said = [line for line in events.iter_lines() if line.startswith("data:")][-1]
    assert "path on the server" in said
