"""The endpoint /lora_mix, through a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from backend.contracts.settings import LoraMixSettings
from tests.ui.conftest import Server

QUICK: dict[str, Any] = {"steps": 2, "seed": 7, "prompt": "a red house"}
ROWS = [{"name": "pocket-ink", "weight": 0.5}, {"name": "pocket-neon"}]


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


def test_parameters_are_the_settings(client: Client) -> None:
    api: Any = client.view_api(return_format="dict")
    parameters = api["named_endpoints"]["/lora_mix"]["parameters"]
    given = {p["parameter_name"]: p["parameter_default"] for p in parameters}
    expected = {name: field.get_default() for name, field in LoraMixSettings.model_fields.items()}
    assert given == expected | {
        "loras": [],
        "templates": [],
        "stages": [],
        "changes": [],
        "regions": [],
        **dict.fromkeys(LoraMixSettings.pictures),
    }
    assert given["compare"] is False


def test_compare_gives_none_each_and_all(client: Client) -> None:
    files, info = client.predict(loras=ROWS, compare=True, **QUICK, api_name="/lora_mix")
    assert info["seeds"] == [7, 7, 7, 7]
    wanted: list[list[str]] = [[], ["pocket-ink"], ["pocket-neon"], ["pocket-ink", "pocket-neon"]]
    assert len(files) == 4
    assert len({Path(file).read_bytes() for file in files}) == 4
    for file, names in zip(files, wanted, strict=True):
        found = client.predict(handle_file(file), api_name="/read_record")
        assert found["mode"] == "lora_mix"
        assert found["settings"]["compare"] is False
        assert [use["name"] for use in found["settings"]["loras"]] == names


def test_one_picture_without_compare(client: Client) -> None:
    files, info = client.predict(loras=ROWS, **QUICK, api_name="/lora_mix")
    assert len(files) == 1
    assert [use["weight"] for use in info["settings"]["loras"]] == [0.5, 1.0]


def test_text_is_not_a_truth_value(client: Client) -> None:
    with pytest.raises(AppError, match="compare"):
        client.predict(compare="yes", **QUICK, api_name="/lora_mix")
