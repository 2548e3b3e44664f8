"""The history's routes: pages, small pictures, choices, deletion, and a zip of many."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from backend.contracts.events import Record
from backend.contracts.settings import parse
from backend.storage.history import History
from backend.storage.outputs import Storage
from ui.jobs.past import history_routes, query_of, zip_of

PIXELS = np.full((64, 512, 3), 90, np.uint8)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(tmp_path)
    for seed in range(5):
        settings = parse("txt2img", {"prompt": f"boat {seed}", "seed": seed}).model_dump(
            mode="json"
        )
        made.save_output(PIXELS, Record("txt2img", settings, {"name": "pocket", "hash": ""}))
    return made


@pytest.fixture
def app(storage: Storage) -> Starlette:
    return Starlette(routes=history_routes(History(storage), storage))


def call(app: Starlette, method: str, path: str, told: Any = None) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://studio") as client:
            return await client.request(method, path, json=told)

    return asyncio.run(go())


def names(app: Starlette, query: str = "") -> list[str]:
    return [one["name"] for one in call(app, "GET", f"/history?{query}").json()["items"]]


def test_pages_newest_first_with_what_may_be_chosen(app: Starlette) -> None:
    first = call(app, "GET", "/history?limit=2").json()
    assert [one["prompt"] for one in first["items"]] == ["boat 4", "boat 3"]
    assert (first["total"], first["unread"]) == (5, None)
    assert (first["models"], first["loras"]) == (["pocket"], [])
    more = call(app, "GET", "/history?limit=2&offset=4").json()
    assert [one["prompt"] for one in more["items"]] == ["boat 0"]
    assert "models" not in more, "they are known"
    assert len(names(app, "search=3")) == 1
    assert names(app, "favourites=1") == []
    assert len(call(app, "GET", "/history/names?search=boat").json()["names"]) == 5


def test_a_small_picture_and_its_file(app: Starlette, storage: Storage) -> None:
    (one,) = call(app, "GET", "/history?limit=1").json()["items"]
    small = call(app, "GET", one["thumb"].removeprefix("loom"))
    with Image.open(io.BytesIO(small.content)) as image:
        assert (image.format, image.size) == ("JPEG", (256, 32))
    assert "immutable" in small.headers["cache-control"]
    path = Path(one["src"].removeprefix("gradio_api/file="))
    assert path == (storage.outputs / one["name"]).resolve()
    assert call(app, "GET", "/history/thumbnail?name=../x.png").status_code == 404


def test_favourites_and_deletions(app: Starlette) -> None:
    first, second, *_ = names(app)
    assert call(app, "POST", "/history/favour", {"names": [first], "on": True}).json() == {}
    assert names(app, "favourites=1") == [first]
    assert call(app, "POST", "/history/delete", {"names": [first, second]}).json() == {
        "names": [first, second]
    }
    assert len(names(app)) == 3
    call(app, "POST", "/history/restore", {"names": [first]})
    assert names(app)[0] == first
    assert names(app, "favourites=1") == [first]


@pytest.mark.parametrize("told", [None, {}, {"names": []}, {"names": "x"}, {"names": [7]}, [1]])
@pytest.mark.parametrize("what", ["favour", "delete", "restore", "zip"])
def test_what_names_nothing_is_a_sentence(app: Starlette, what: str, told: Any) -> None:
    answer = call(app, "POST", f"/history/{what}", told)
    assert answer.json() == {"error": "Choose one picture or more."}


def test_a_zip_holds_the_pictures_as_they_are(app: Starlette, storage: Storage) -> None:
    chosen = names(app)[:3]
    answer = call(app, "POST", "/history/zip", {"names": chosen})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [name.replace("/", "_") for name in chosen]
        assert archive.read(archive.namelist()[0]) == (storage.outputs / chosen[0]).read_bytes()
    bad = call(app, "POST", "/history/zip", {"names": ["../x.png"]})
    assert (bad.status_code, "no such picture" in bad.json()["error"]) == (400, True)


def test_what_was_deleted_meanwhile_is_left_out(tmp_path: Path) -> None:
    here = tmp_path / "2026-11-21" / "a.png"
    here.parent.mkdir()
    here.write_bytes(b"a")
    content = b"".join(zip_of([here, tmp_path / "b.png"]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["2026-11-21_a.png"]


def test_a_day_that_is_none_is_no_bound() -> None:
    assert query_of({"since": "yesterday", "until": "2026-11-21"}).since == ""
    assert query_of({"until": "2026-11-21"}).until == "2026-11-21"


def test_a_note_and_tags_are_kept_and_told(app: Starlette) -> None:
    one, *_ = names(app)
    assert call(app, "GET", f"/history/note?name={one}").json() == {"note": "", "tags": []}
    told = {"name": one, "note": "Keep it.", "tags": ["#Sea", "sea", 3]}
    assert call(app, "POST", "/history/note", told).json() == {"note": "Keep it.", "tags": ["sea"]}
    assert call(app, "GET", f"/history/note?name={one}").json()["tags"] == ["sea"]
    assert names(app, "search=%23sea") == [one]
    assert (
        "20 tags"
        in call(
            app, "POST", "/history/note", told | {"tags": list("abcdefghijklmnopqrstu")}
        ).json()["error"]
    )
    assert "error" in call(app, "GET", "/history/note?name=../x.png").json()
