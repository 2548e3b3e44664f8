"""A morph as one file: every format opens, moves as asked, and carries the recipe."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.contracts.events import Output, Record
from backend.contracts.settings import MorphFormat, MorphSettings
from backend.engine.exports.animation import contact_sheet, encode
from backend.recipes.metadata import read

SETTINGS = MorphSettings(prompt_a="a house", prompt_b="ein Überraschungsei", frames=4)


def outputs(count: int = 4) -> list[Output]:
    record = Record("morph", SETTINGS.model_dump(mode="json"), {"name": "tiny", "hash": ""})
    greys = [min(60 * i, 255) for i in range(count)]
    return [Output(i, np.full((48, 64, 3), grey, np.uint8), record) for i, grey in enumerate(greys)]


@pytest.mark.parametrize("wanted", ["gif", "webp"])
@pytest.mark.parametrize(("ping_pong", "frames"), [(False, 4), (True, 6)])
def test_a_moving_picture_has_its_frames_and_speed(
    wanted: MorphFormat, ping_pong: bool, frames: int
) -> None:
    made = encode(outputs(), wanted, 20, ping_pong=ping_pong)
    with Image.open(io.BytesIO(made.content)) as image:
        found: Any = image
        assert found.n_frames == frames
        found.seek(1)
        found.load()
        assert found.info["duration"] == 50
        assert abs(int(np.asarray(found.convert("RGB"))[20, 20, 0]) - 60) < 6


@pytest.mark.parametrize("wanted", ["mp4", "webp"])
def test_the_recipe_is_inside(wanted: MorphFormat) -> None:
    content = encode(outputs(), wanted, 12).content
    assert b'"prompt_a": "a house"' in content


def test_the_recipe_is_inside_a_gif() -> None:
    with Image.open(io.BytesIO(encode(outputs(), "gif", 12).content)) as image:
        assert b'"prompt_a": "a house"' in image.info["comment"]  # in blocks of 255 bytes


def test_the_zip_holds_every_frame_with_its_record() -> None:
    with zipfile.ZipFile(io.BytesIO(encode(outputs(), "zip", 12).content)) as archive:
        assert archive.namelist() == [*(f"frame-{i:04d}.png" for i in range(4)), "morph.json"]
        assert read(archive.read("frame-0002.png")).settings["frames"] == 4
        note = json.loads(archive.read("morph.json"))
        assert note["settings"] == SETTINGS.model_dump(mode="json")


def test_the_contact_sheet_shows_all_of_them_in_order() -> None:
    made = encode(outputs(6), "sheet", 12)
    assert read(made.content).mode == "morph"
    sheet = contact_sheet([output.image for output in outputs(6)])
    assert sheet.shape == (2 * 52 + 4, 4 * 68 + 4, 3)
    assert [int(sheet[20, 68 * i + 20, 0]) for i in range(4)] == [0, 60, 120, 180]


def test_the_video_is_h264() -> None:
    content = encode(outputs(), "mp4", 12).content
    assert content[4:8] == b"ftyp"
    assert b"avc1" in content
