"""Documents of older versions come into a request by one way, whatever they lay in."""

from __future__ import annotations

import ast
import base64
import io
import json
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from backend.contracts.errors import BadInput
from backend.contracts.settings import Txt2ImgSettings
from backend.recipes import metadata, permalink
from backend.resolve import documents, migrations
from backend.storage.presets import parse_preset

ROOT = Path(__file__).resolve().parents[2]


def renamed(document: dict[str, Any]) -> dict[str, Any]:
    """As if version 1 had said "cfg", and version 2 the name of now."""
    values = {
        ("guidance_scale" if name == "cfg" else name): value
        for name, value in document["settings"].items()
    }
    return {**document, "settings": values}


@pytest.fixture
def second_version(monkeypatch: pytest.MonkeyPatch) -> None:
    second = partial(migrations.migrate, migrations={1: renamed}, current=2)
    monkeypatch.setattr(migrations, "migrate", second)
    monkeypatch.setattr(migrations, "SCHEMA", 2)


OLD = {"schema": 1, "mode": "txt2img", "settings": {"cfg": 3.5, "steps": 7}}


def as_preset(document: dict[str, Any]) -> dict[str, Any]:
    made = parse_preset(json.dumps(document | {"name": "old"}).encode())
    return made.settings.model_dump()


def as_link(document: dict[str, Any]) -> dict[str, Any]:
    packed = zlib.compress(json.dumps(document).encode())
    text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return permalink.decode(text).model_dump()


def as_picture(document: dict[str, Any]) -> dict[str, Any]:
    told, file = PngImagePlugin.PngInfo(), io.BytesIO()
    told.add_text("latent-loom", json.dumps(document))
    Image.new("RGB", (8, 8)).save(file, "png", pnginfo=told)
    return metadata.read(file.getvalue()).settings


@pytest.mark.usefixtures("second_version")
@pytest.mark.parametrize("way", [as_preset, as_link, as_picture])
def test_what_lay_in_it_is_brought_to_the_present(way: Any) -> None:
    found = way(OLD)
    assert (found["guidance_scale"], found["steps"]) == (3.5, 7)


@pytest.mark.usefixtures("second_version")
@pytest.mark.parametrize("way", [as_preset, as_link, as_picture])
def test_one_of_a_newer_version_is_refused(way: Any) -> None:
    with pytest.raises(BadInput, match="newer version of Latent Loom"):
        way(OLD | {"schema": 3})


def test_what_is_written_is_of_the_present_version() -> None:
    settings = Txt2ImgSettings(prompt="a house").model_dump(mode="json")
    made = documents.made_of("txt2img", settings, name="mine", model={"name": "x"})
    assert list(made) == ["schema", "name", "mode", "settings", "model"]
    assert made["schema"] == migrations.SCHEMA
    again = documents.read(json.dumps(made), "a preset", ("name", "model"))
    assert again.settings == Txt2ImgSettings(prompt="a house")
    assert again.further == {"name": "mine", "model": {"name": "x"}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"mode": "txt2img", "settings": []}, "needs a mode and settings"),
        ({"settings": {}}, "needs a mode and settings"),
        ({"mode": "txt2img", "settings": {}, "extra": 1}, "no field 'extra' in a recipe"),
    ],
)
def test_what_is_no_document_is_said(content: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        documents.of({"schema": 1} | content, "a recipe")


def test_of_a_damaged_one_the_rest_is_valid() -> None:
    values = {"steps": 9, "eta": 7, "glow": 1, "sampler": "ddim", "schedule": "karras"}
    found = documents.of({"schema": 1, "mode": "txt2img", "settings": values}, "a record")
    left, notes = found.valid()
    assert left == {"steps": 9}
    assert [next(word for word in ("glow", "eta", "karras") if word in note) for note in notes] == [
        "glow",
        "eta",
        "karras",
    ]
    with pytest.raises(BadInput):
        _ = found.settings


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": Infinity}', '{"a": 1, "a": 2}', "[1]", "7", "{", "[" * 100_000]
)
def test_only_strict_json_objects_are_read(text: str) -> None:
    with pytest.raises(BadInput):
        documents.loads(text)


def test_bytes_and_text_are_read_alike() -> None:
    read = documents.loads
    assert read('{"ü": [1, null]}') == read('{"ü": [1, null]}'.encode()) == {"ü": [1, None]}


def test_migrations_are_asked_here_alone() -> None:
    asking = [
        file.relative_to(ROOT).as_posix()
        for house in ("backend", "ui")
        for file in (ROOT / house).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if (isinstance(node, ast.ImportFrom) and "migrations" in (node.module or ""))
        or (
            isinstance(node, ast.Import | ast.ImportFrom)
            and any(alias.name.split(".")[-1] == "migrations" for alias in node.names)
        )
    ]
    assert asking == ["backend/resolve/documents.py"]
