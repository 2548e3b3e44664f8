"""Files of the outputs are served to who may see them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from backend.contracts.events import Record
from backend.storage.history import History
from backend.storage.makers import Maker
from backend.storage.outputs import Storage
from ui.server.own_pictures import OwnPictures


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "data")


def client(storage: Storage, owner: str) -> TestClient:
    gate = OwnPictures(PlainTextResponse("the file"), History(storage), storage.outputs.resolve())

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        await gate({**scope, "state": {"owner": owner, "role": "member"}}, receive, send)

    return TestClient(known)


def test_only_who_made_a_picture_gets_it_however_it_is_named(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, record = np.zeros((8, 8, 3), np.uint8), Record("txt2img", {"seed": 1}, {})
    path = storage.save_output(pixels, record, Maker("@ada/1", "ada")).resolve()
    nobodys = storage.save_output(pixels, record).resolve()
    link = tmp_path / "link.png"
    link.symlink_to(path)
    monkeypatch.chdir(tmp_path)
    ada, bob = client(storage, "@ada/2"), client(storage, "@bob/1")
    ways = (
        str(path),
        f"{path.parent}//{path.name}",
        f"{path.parent}/./../{path.parent.name}/{path.name}",
        os.path.relpath(path),
        str(link),
    )
    for way in ways:
        assert ada.get(f"/gradio_api/file={way}").text == "the file", way
        assert bob.get(f"/gradio_api/file={way}").status_code == 404, way
    assert ada.get(f"/gradio_api/file={nobodys}").status_code == 404
    assert bob.get(f"/gradio_api/file={path.parent}/.writing-1").status_code == 404
    assert bob.get("/gradio_api/file=/elsewhere/x.png").text == "the file", "Gradio decides"
    assert bob.get("/gradio_api/info").text == "the file"


def test_of_another_tools_folder_pictures_alone_are_served(
    storage: Storage, tmp_path: Path
) -> None:
    app, foreign = PlainTextResponse("the file"), (tmp_path / "comfy").resolve()
    outputs = storage.outputs.resolve()
    gate = TestClient(OwnPictures(app, History(storage), outputs, [foreign], private=False))
    for name, served in (("a.png", True), ("b/c.JPEG", True), ("keys.json", False), ("x", False)):
        answer = gate.get(f"/gradio_api/file={foreign}/{name}")
        assert (answer.status_code == 200) == served, name
    assert gate.get(f"/gradio_api/file={outputs}/2026-01-01/a.mp4").status_code == 200
