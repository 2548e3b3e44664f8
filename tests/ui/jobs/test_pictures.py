"""Pictures on their way to the page."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from starlette.requests import Request

from ui.jobs.pictures import encode_jpeg, file_url, png_uri, served


def asked(**headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return Request({"type": "http", "headers": pairs})


def test_file_names_are_quoted() -> None:
    assert file_url(Path("/a b/ü?.png")) == "gradio_api/file=/a%20b/%C3%BC%3F.png"


def test_what_the_browser_has_is_not_sent_again() -> None:
    content = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    first = served(asked(), content, "image/jpeg")
    assert (first.status_code, first.body) == (200, content)
    again = served(asked(if_none_match=first.headers["etag"]), content, "image/jpeg")
    assert (again.status_code, again.body) == (304, b"")
    other = served(asked(if_none_match=first.headers["etag"]), content + b"x", "image/jpeg")
    assert other.status_code == 200


def test_pictures_come_back_as_they_were() -> None:
    pixels = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    with Image.open(io.BytesIO(encode_jpeg(pixels))) as image:
        assert (image.format, image.size) == ("JPEG", (8, 8))
    assert png_uri(pixels).startswith("data:image/png;base64,")
