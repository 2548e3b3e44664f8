"""The Lab's endpoints, as scripts call them."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.modes.lab.looking import picture
from tests.ui.conftest import Server


def test_a_picture_there_and_back_and_its_noise(server: Server, tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "ramp.png")
    client = Client(server.url, verbose=False, download_files=str(tmp_path / "got"))
    image = handle_file(str(tmp_path / "ramp.png"))
    files, info = client.predict(image=image, api_name="/encode")
    assert len(files) == 1 + 2 + info["shape"][0]
    assert info["compression"] == 48
    assert all(Path(file).read_bytes().startswith(b"\x89PNG") for file in files)

    files, info = client.predict(image=image, level=3, api_name="/noise_at")
    assert len(files) == 2
    assert info["level"] == info["levels"][3]
    files, info = client.predict(api_name="/noise_at")
    assert info["psnr"] is None
    with pytest.raises(AppError, match="level must lie below steps"):
        client.predict(level=99, api_name="/noise_at")


def test_what_is_written_of_latents_can_be_read() -> None:
    """As the documentation says: float16 in base64, row by row."""
    written = base64.b64encode(np.arange(4, dtype="<f2").tobytes()).decode()
    assert np.frombuffer(base64.b64decode(written), "<f2").tolist() == [0, 1, 2, 3]
