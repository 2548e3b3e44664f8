"""A file of nothing but pieces is refused before a parser walks them; pictures pass."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.pictures.decode import decode
from backend.pictures.pieces import check_pieces
from tests.pictures.hostile import chunk, noise, saved

GIF = saved(noise(), "GIF")
JPEG = saved(noise(), "JPEG", progressive=True)
PNG = saved(noise(), "PNG")
END = b"\x00\x3b"
BOMBS = {
    "scans": JPEG[:-2] + JPEG[JPEG.rfind(b"\xff\xda") : -2] * 200 + JPEG[-2:],
    "segments": JPEG[:2] + b"\xff\xfe\x00\x02" * 20_000 + JPEG[2:],
    "padding": JPEG[:2] + b"\xff" * 200_000 + JPEG[2:],
    "padding alone": JPEG[:2] + b"\xff" * 200_000,
    "chunks": PNG[:33] + chunk(b"noNe", b"") * 200_000 + PNG[33:],
    "frames": GIF[:-1] + b"\x2c\0\0\0\0\1\0\1\0\0\2\2\x4c\1\0" * 20_000 + b"\x3b",
    "blocks": GIF[:-1] + b"\x21\xf9" + b"\1x" * 500_000 + END,
    "comment": GIF[:13] + b"\x21\xfe" + (b"\xff" + b"c" * 255) * 5_000 + b"\0" + GIF[13:],
    "stray": GIF[:-1] + b"\x01" * 200_000 + b"\x3b",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_of_nothing_but_pieces_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="more pieces"):
        decode(BOMBS[name])


@pytest.mark.parametrize("data", [JPEG, PNG, GIF, b"", b"\xff\xd8", b"GIF89a", PNG[:20], GIF[:30]])
def test_what_is_whole_or_cut_off_passes(data: bytes) -> None:
    check_pieces(data)


def test_what_cameras_and_editors_write_passes() -> None:
    """Thumbnails within, a film behind the picture, animations, comments."""
    small = JPEG * (60_000 // len(JPEG))
    within = b"\xff\xe1" + (2 + len(small)).to_bytes(2, "big") + small
    check_pieces(JPEG[:2] + within * 20 + JPEG[2:])
    check_pieces(JPEG + b"\xff\xda" * 100_000)
    stream = io.BytesIO()
    frames = [noise().rotate(turn) for turn in range(0, 90, 9)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], comment=b"made by hand")
    check_pieces(stream.getvalue())
    assert Image.open(stream).n_frames == 10  # type: ignore[attr-defined]
