"""Pictures out of a zip: in order, bounded, and nothing else."""

from __future__ import annotations

import io
import zipfile

import pytest

from backend.contracts.errors import BadInput
from backend.pictures import zipped as module
from backend.pictures.budget import Budget
from backend.pictures.zipped import pictures_in


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def test_pictures_come_in_the_order_of_their_numbers_without_folders() -> None:
    data = zipped(
        **{
            "sea__b10.png": b"ten",
            "sea__b9.png": b"nine",
            "notes.txt": b"no",
            "sea__.hidden.png": b"no",
            "..__..__up.jpg": b"no",
            "alone.jpg": b"alone",
        }
    )
    found = pictures_in(data, 10, Budget())
    assert found == [("alone.jpg", b"alone"), ("b9.png", b"nine"), ("b10.png", b"ten")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no zip", "cannot be read"),
        (zipped(**{"a.txt": b"x"}), "holds no pictures"),
        (zipped(**{f"{n}.png": b"x" for n in range(4)}), "takes 3 pictures; the zip holds 4"),
        (zipped(**{"bomb.png": bytes(70_000_000)}), "'bomb.png' in the zip is too large"),
        (zipped(**{f"{n}.png": bytes(3_000_000) for n in range(2)}), "send fewer or smaller"),
    ],
)
def test_what_cannot_be_a_batch_is_said(data: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        pictures_in(data, 3, Budget(5_000_000))


def test_a_list_of_far_too_many_files_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 3)
    data = zipped(**{f"{n}.txt": b"" for n in range(4)})
    monkeypatch.setattr(zipfile, "ZipFile", lambda _: pytest.fail("read"))
    with pytest.raises(BadInput, match="more than 3 files"):
        pictures_in(data, 10, Budget())
