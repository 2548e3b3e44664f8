"""Without a login nothing answers but what the login page needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.hostile.conftest import Victim
from tests.hostile.events import filled, routes

# Told one by one: what else answers a stranger is a hole.
OPEN = {
    "/",
    "/config",
    "/favicon.ico",
    "/gradio_api/app_id",
    "/gradio_api/startup-events",
    "/gradio_api/theme.css",
    "/gradio_api/user",
    "/healthz",
    "/login",
    "/manifest.json",
    "/readyz",
    "/robots.txt",
    "/theme.css",
}


@pytest.fixture
def stranger(victim: Victim) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=victim.server.url, timeout=20) as client:
        yield client


def test_every_other_route_asks_for_the_login(stranger: httpx.Client) -> None:
    seen: dict[str, int] = {}
    for method, path in routes():
        at = filled(path, "x").rstrip("/") or "/"
        body = {} if method == "post" else None
        with stranger.stream(method, at, json=body) as answer:
            if answer.status_code not in (401, 403, 404, 405, 429):
                seen[at] = answer.status_code
    files = re.compile(r"/(assets|static)/")
    assert {at for at in seen if not files.match(at)} <= OPEN, seen


def test_what_is_open_tells_nothing_of_the_studio(stranger: httpx.Client) -> None:
    page = stranger.get("/")
    assert '"auth_required":true' in page.text.replace(" ", "")
    for word in ("txt2img", "pocket", "studio-xl", 'dependencies":[{'):
        assert word not in page.text
    config = stranger.get("/config")
    assert config.status_code == 401 or "auth_required" in config.text
    assert stranger.get("/gradio_api/user").json() is None


def test_files_are_served_to_nobody_by_their_path(victim: Victim, browser: httpx.Client) -> None:
    paths = ["/etc/passwd", str(victim.server.data / "keys/signing.key"), "app.py",
             str(victim.server.data / "queue/jobs.sqlite"),
             f"{victim.server.data}/outputs/../keys/signing.key"]  # fmt: skip
    for path in paths:
        for at in (f"/gradio_api/file={path}", f"/gradio_api/file={path.replace('/', '%2f')}"):
            answer = browser.get(at)
            assert answer.status_code in (400, 403, 404), at
