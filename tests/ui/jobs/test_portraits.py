"""Pictures of models and LoRAs as a client has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from backend.engine.fake.engine import FakeEngine
from ui.jobs.portraits import portrait_routes


@pytest.fixture
def client() -> Iterator[TestClient]:
    engine = FakeEngine()
    yield TestClient(Starlette(routes=portrait_routes(engine)))
    engine.close()


@pytest.mark.parametrize(("kind", "name"), [("model", "pocket"), ("lora", "pocket-ink")])
def test_it_is_a_small_jpeg_that_is_sent_once(client: TestClient, kind: str, name: str) -> None:
    got = client.get(f"/portraits/{kind}", params={"name": name})
    assert (got.status_code, got.headers["content-type"]) == (200, "image/jpeg")
    again = client.get(
        f"/portraits/{kind}", params={"name": name}, headers={"If-None-Match": got.headers["etag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize(("kind", "name"), [("lora", "grand-oil"), ("vae", "x")])
def test_what_has_none_is_not_found(client: TestClient, kind: str, name: str) -> None:
    got = client.get(f"/portraits/{kind}", params={"name": name})
    assert got.status_code == 404
    assert got.json() == {"error": "There is no picture of it."}
