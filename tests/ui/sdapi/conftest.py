"""A studio with `--api`, shared by the tests of its routes, and a public client in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import webuiapi
from PIL import Image, ImageDraw

from tests.ui.conftest import Server, running


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("data"), "--api", fake_step_s="0.03") as server:
        yield server


@pytest.fixture(scope="session")
def api(served: Server) -> webuiapi.WebUIApi:
    return webuiapi.WebUIApi(baseurl=f"{served.url}/sdapi/v1")


@pytest.fixture
def source() -> Image.Image:
    picture = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(picture).rectangle((16, 16, 48, 48), fill="red")
    return picture
