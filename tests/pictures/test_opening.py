"""Pictures from outside are opened in one place, with their formats named."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from backend.contracts.errors import BadInput
from backend.pictures.opening import header_of, opened

ROOT = Path(__file__).resolve().parents[2]
READER = "backend/pictures/opening.py"
# Calls that decode a picture by looking at its bytes or its name.
READERS = {"Image.open", "cv2.imread", "cv2.imdecode", "iio.imread", "imageio.imread"}


def readers(source: str) -> Iterator[str]:
    """Calls of `source` that open a picture, with their line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in READERS:
            yield f"{node.lineno}: {ast.unparse(node.func)}"


def test_only_one_module_opens_pictures() -> None:
    found = [
        f"{name}:{line}"
        for file in [*(ROOT / "backend").rglob("*.py"), *(ROOT / "ui").rglob("*.py")]
        if (name := file.relative_to(ROOT).as_posix()) != READER
        for line in readers(file.read_text("utf-8"))
    ]
    assert not found, f"use backend.pictures.decode or .opening: {found}"
    assert list(readers((ROOT / READER).read_text("utf-8")))


@pytest.mark.parametrize(
    "content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", b"", b"x" * 99]
)
def test_only_named_formats_are_recognised(content: bytes) -> None:
    with pytest.raises(UnidentifiedImageError):
        header_of(content, ("PNG", "JPEG"))
    with pytest.raises(BadInput, match="not a PNG, JPEG or WebP"), opened(content):
        pass


def test_a_format_that_is_not_named_is_none() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "bmp")
    with pytest.raises(UnidentifiedImageError):
        header_of(buffer.getvalue(), ("PNG",))
    with header_of(buffer.getvalue(), ("BMP",)) as image:
        assert image.size == (4, 4)
