"""The endpoint /xyz_grid, through a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.ui.conftest import Server

QUICK: dict[str, Any] = {"steps": 2, "seed": 7, "prompt": "a red house", "width": 64, "height": 64}


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


def test_every_cell_comes_with_its_record_and_the_sheet_last(client: Client) -> None:
    files, info = client.predict(
        x_field="guidance_scale",
        x_values="2-6 [2]",
        y_field="prompt_sr",
        y_values="red, blue",
        **QUICK,
        api_name="/xyz_grid",
    )
    assert len(files) == 5
    assert info["settings"]["x_field"] == "guidance_scale"
    found = [client.predict(handle_file(file), api_name="/read_record") for file in files]
    assert [record["mode"] for record in found] == ["txt2img"] * 4 + ["xyz_grid"]
    assert [(r["settings"]["guidance_scale"], r["settings"]["prompt"]) for r in found[:4]] == [
        (2, "a red house"),
        (6, "a red house"),
        (2, "a blue house"),
        (6, "a blue house"),
    ]
    with Image.open(files[4]) as sheet:
        assert sheet.width > 128
        assert sheet.height > 128


def test_a_grid_over_img2img(client: Client, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    files, _ = client.predict(
        base_mode="img2img",
        base={"mask_blur": 2},
        x_field="strength",
        x_values="0.5, 1",
        image=handle_file(str(tmp_path / "red.png")),
        **QUICK,
        api_name="/xyz_grid",
    )
    assert len(files) == 3


def test_steering_stands_on_an_axis_and_regions_in_every_cell(client: Client) -> None:
    place = {"prompt": "a boat", "box": [0.0, 0.0, 0.5, 1.0]}
    files, _ = client.predict(
        base={"steer": "blue", "regions": [place]},
        x_field="steer_scale",
        x_values="0.3, 3",
        y_field="region_soft",
        y_values="0.2, 0.4",
        **QUICK,
        api_name="/xyz_grid",
    )
    found = [client.predict(handle_file(file), api_name="/read_record") for file in files[:4]]
    told = [record["settings"] for record in found]
    assert [(one["steer_scale"], one["region_soft"]) for one in told] == [
        (0.3, 0.2),
        (3, 0.2),
        (0.3, 0.4),
        (3, 0.4),
    ]
    assert all(one["regions"][0]["prompt"] == "a boat" for one in told)


def test_mistakes_get_sentences(client: Client) -> None:
    with pytest.raises(AppError, match="X: 'a' is no number"):
        client.predict(x_field="steps", x_values="a", **QUICK, api_name="/xyz_grid")
    with pytest.raises(AppError, match="no picture to start from"):
        client.predict(base_mode="img2img", **QUICK, api_name="/xyz_grid")
