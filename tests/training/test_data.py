"""Pictures and captions: folders, crops, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.pictures.budget import Budget
from backend.training.data import Picture, common_words, load_files, load_folder, square


def folder_of(tmp_path: Path, rows: list[dict[str, object]] | None = None) -> Path:
    for index in range(2):
        Image.new("RGB", (40, 50), (index * 100, 0, 0)).save(tmp_path / f"{index}.png")
    if rows is not None:
        (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return tmp_path


def test_captions_from_metadata(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        [{"file_name": "1.png", "text": "one"}, {"file_name": "0.png", "text": "none", "extra": 1}],
    )
    found = load_folder(folder, "unused")
    assert [(p.name, p.caption) for p in found] == [("1.png", "one"), ("0.png", "none")]
    assert found[0].image.shape == (50, 40, 3)
    assert found[0].image[0, 0, 0] == 100


def test_one_caption_for_all(tmp_path: Path) -> None:
    (folder_of(tmp_path) / "notes.txt").write_text("no picture")
    assert [p.caption for p in load_folder(tmp_path, "a boat")] == ["a boat"] * 2


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            [
                {"file_name": "7.png", "text": ""},
                {"file_name": "0.png", "text": ""},
                {"file_name": "8.png", "text": ""},
            ],
            "missing: 7.png, 8.png",
        ),
        ([{"file_name": "../0.png", "text": ""}], r"outside its folder: \.\./0\.png"),
        ([{"file_name": "/etc/hostname", "text": ""}], "outside its folder"),
        ([{"file_name": "0.png", "text": ""}, {"file_name": "1.png"}], "Line 2"),
        ([{"file_name": 3, "text": ""}], "Line 1"),
        ([], "holds no pictures"),
    ],
)
def test_refused_metadata(tmp_path: Path, rows: list[dict[str, object]], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        load_folder(folder_of(tmp_path, rows))


def test_refused_pictures(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        load_folder(tmp_path / "none")
    with pytest.raises(BadInput, match="no pictures"):
        load_folder(tmp_path)
    (folder_of(tmp_path) / "2.png").write_bytes(b"not a picture")
    with pytest.raises(BadInput, match=r"2\.png cannot be read"):
        load_folder(tmp_path)


def test_rotated_photographs_stand_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    assert load_folder(tmp_path)[0].image.shape == (60, 40, 3)


def test_square_is_the_centre() -> None:
    image = np.zeros((64, 128, 3), np.uint8)
    image[:, 32:96] = 255
    assert square(Picture("a", image, ""), 32).mean() > 250
    with pytest.raises(BadInput, match="not an RGB"):
        square(Picture("a", image[..., 0], ""), 32)


def test_common_words() -> None:
    assert common_words(["a boat, ink", "a tree, ink ", "ink,, a boat", "a cat"]) == (
        "ink",
        "a boat",
    )
    assert common_words([]) == ()


def png(red: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 50), (red, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_sent_files_with_captions_beside_them() -> None:
    files = {"b.png": png(9), "a.png": png(), "a.txt": b"a boat,\n ink", "notes.md": b"-"}
    found = load_files(files, "for all")
    assert [(p.name, p.caption) for p in found] == [("a.png", "a boat, ink"), ("b.png", "for all")]
    assert found[1].image[0, 0, 0] == 9


def test_a_zip_with_a_listing_in_a_folder() -> None:
    rows = b'\xef\xbb\xbf{"file_name": "in/1.png", "text": "one"}\n'
    content = {
        "set/metadata.jsonl": rows,
        "set/in/1.png": png(),
        "set/2.png": png(),
        "__MACOSX/set/._2.png": b"junk",
    }
    found = load_files({"all.ZIP": zipped(content)})
    assert [(p.name, p.caption) for p in found] == [("1.png", "one")]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no pictures"),
        ({"notes.txt": b"x"}, "no pictures"),
        ({"a.png": b"x"}, r"The picture a\.png cannot be read"),
        ({"a.zip": b"x"}, r"a\.zip is no zip"),
        (
            {"metadata.jsonl": b'{"file_name": "7.png", "text": ""}', "a.png": b""},
            r"missing: 7\.png",
        ),
    ],
)
def test_what_was_sent_and_cannot_be_used(files: dict[str, bytes], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        load_files(files)


def test_a_zip_that_would_fill_the_memory() -> None:
    with pytest.raises(BadInput, match="send fewer or smaller pictures"):
        load_files({"a.zip": zipped({"a.png": png()})}, budget=Budget(10))


def test_zips_share_the_budget_with_their_pixels() -> None:
    picture = png()
    files = {f"{n}.zip": zipped({f"{n}.png": picture}) for n in range(2)}
    pixels = 3 * load_files({"a.png": picture})[0].image[:, :, 0].size
    load_files(files, budget=Budget(2 * len(picture) + pixels))  # the same picture twice
    with pytest.raises(BadInput, match="send fewer or smaller pictures"):
        load_files(files, budget=Budget(2 * len(picture) + pixels - 1))


def test_pictures_are_counted_before_they_are_read() -> None:
    with pytest.raises(BadInput, match="101 pictures are too many; choose up to 100"):
        load_files({f"{n}.png": b"not read" for n in range(101)})
