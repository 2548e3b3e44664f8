"""/verify, through a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from backend.contracts.events import Record
from backend.recipes.metadata import read, write_png
from tests.ui.conftest import Server


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
def picture(client: Client) -> Path:
    files, _ = client.predict(prompt="a red house", steps=2, seed=7, api_name="/txt2img")
    return Path(files[0])


def verified(client: Client, path: Path, **pictures: Path) -> dict:
    sent = {name: handle_file(file) for name, file in pictures.items()}
    return client.predict(file=handle_file(path), **sent, api_name="/verify")


def test_a_picture_of_this_server_is_the_same(client: Client, picture: Path) -> None:
    found = verified(client, picture)
    assert (found["verdict"], found["equal"]) == ("The same, bit for bit.", True)
    assert (found["largest_difference"], found["equal_share"]) == (0, 1.0)
    assert (found["size"], found["size_now"]) == ([256, 256], [256, 256])
    assert (found["mode"], found["changes"]) == ("txt2img", [])
    assert "torch" in found["not_recorded"]  # this server's engine has none


def test_nothing_is_saved(client: Client, server: Server, picture: Path) -> None:
    before = set(server.data.rglob("*.png"))
    verified(client, picture)
    assert set(server.data.rglob("*.png")) == before


def test_changed_pixels_are_counted(client: Client, picture: Path, tmp_path: Path) -> None:
    found = read(picture.read_bytes())
    pixels = np.array(Image.open(picture).convert("RGB"))
    pixels[:64] ^= 4
    changed = tmp_path / "changed.png"
    record = Record(found.mode, found.settings, {"name": "pocket", "hash": "f" * 10}, found.extra)
    changed.write_bytes(write_png(pixels, record))
    told = verified(client, changed)
    assert (told["equal"], told["largest_difference"], told["equal_share"]) == (False, 4, 0.75)
    assert told["changes"] == [{"what": "model's weights", "then": "f" * 10, "now": "0" * 10}]


def test_inputs_are_asked_for_and_checked(client: Client, picture: Path, tmp_path: Path) -> None:
    files, _ = client.predict(
        image=handle_file(picture), prompt="a boat", steps=4, seed=3, api_name="/img2img"
    )
    with pytest.raises(AppError, match="There is no picture to start from"):
        verified(client, Path(files[0]))
    assert verified(client, Path(files[0]), image=picture)["equal"]


def test_what_cannot_be_verified_is_a_sentence(client: Client, tmp_path: Path) -> None:
    plain = tmp_path / "plain.png"
    Image.new("RGB", (64, 64)).save(plain)
    with pytest.raises(AppError, match="carries no settings"):
        verified(client, plain)
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(AppError, match="not a PNG"):
        verified(client, text)
