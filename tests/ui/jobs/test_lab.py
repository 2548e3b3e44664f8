"""The Lab's routes: its files, what its panels begin and tell, and its data."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio.utils import get_upload_folder
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from backend.engine.fake.engine import FakeEngine
from tests.jobs import ended
from tests.modes.lab.looking import picture
from ui.jobs.lab import lab_routes
from ui.page.theme import COMPAT, STATIC
from ui.server.bundle import bundle
from ui.server.studio import Studio, studio_at

PAGE = bundle(STATIC, COMPAT)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = studio_at(tmp_path, tmp_path, lambda _: FakeEngine(step_time_s=0.001))
    yield made
    made.engine.close()


@pytest.fixture
def client(studio: Studio) -> TestClient:
    routes = Starlette(routes=lab_routes(studio, PAGE))

    async def owned(scope: Scope, receive: Receive, send: Send) -> None:
        await routes({**scope, "state": {"owner": ""}}, receive, send)

    return TestClient(owned)


def uploaded() -> dict[str, Any]:
    """A picture where a page's uploads lie."""
    folder = Path(get_upload_folder()) / "lab-test"
    folder.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    Image.fromarray(picture()).save(stream, "PNG")
    (folder / "ramp.png").write_bytes(stream.getvalue())
    return {"path": str(folder / "ramp.png")}


def test_its_files_are_named_and_served(client: TestClient) -> None:
    about = client.get("/lab").json()
    assert "latents" in [panel["key"] for panel in about["panels"]]
    for name, kind in ((about["script"], "text/javascript"), (about["style"], "text/css")):
        answer = client.get(f"/lab/files/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/lab/files/late-0.js").status_code == 404


def test_a_look_is_a_job_with_data(client: TestClient, studio: Studio) -> None:
    got = client.post("/lab/latents/encode", json={"model": "", "image": uploaded()}).json()
    assert ended(studio.engine, got["job"]).state == "done"
    data = client.get(f"/lab/data/{got['job']}").json()
    assert (data["mode"], data["settings"]["steps"]) == ("lab_latents", 30)
    assert data["found"]["factor"] == 8
    assert "original" in data["pictures"][0]["views"]


@pytest.mark.parametrize(
    ("path", "sent", "said"),
    [
        ("/lab/latents/encode", {"model": ""}, "Choose a picture first."),
        ("/lab/latents/noise_at", {"model": "", "level": 99}, "level must lie below steps"),
        ("/lab/latents/noise_at", {"model": "nobody"}, "nobody"),
        ("/lab/latents/bake", {}, "not asked for 'bake'"),
        ("/lab/kitchen/encode", {}, "no panel 'kitchen'"),
        ("/lab/latents/tell/time", {}, "does not tell 'time'"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    client: TestClient, path: str, sent: dict[str, Any], said: str
) -> None:
    assert said in client.post(path, json=sent).json()["error"]


def test_broken_forms_and_jobs_that_are_gone_are_sentences(client: TestClient) -> None:
    assert client.post("/lab/latents/encode", content=b"{").status_code == 400
    assert "error" in client.get("/lab/data/none").json()


def test_models_that_a_panel_has_no_use_for_are_told(client: TestClient) -> None:
    told = client.get("/lab/fitting", params={"model": ""}).json()
    assert told["latents"] == ""
    assert "error" in client.get("/lab/fitting", params={"model": "nobody"}).json()
