"""The guard lets the page through and nothing else."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ui.server.guard import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, Guard, HostList


async def answer(request: Request) -> Response:
    await request.body()
    return PlainTextResponse("in", 400 if request.url.path == "/login" else 200)


def ask(
    *requests: httpx.Request, hosts: HostList | None = None, arriving: int = 10**9
) -> list[int]:
    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    guard = Guard(app, hosts or HostList("127.0.0.1", "localhost"), arriving)

    async def go() -> list[int]:
        transport = httpx.ASGITransport(app=guard, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            return [(await client.send(request)).status_code for request in requests]

    return asyncio.run(go())


def get(path: str = "/", **headers: str) -> httpx.Request:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Request("GET", f"http://127.0.0.1:7860{path}", headers=names)


def post(path: str, content: bytes = b"{}", **headers: str) -> httpx.Request:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Request("POST", f"http://127.0.0.1:7860{path}", headers=names, content=content)


def test_the_page_passes() -> None:
    own = "http://127.0.0.1:7860"
    assert ask(get(), post("/gradio_api/queue/join", origin=own), get("/config")) == [200] * 3


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.8:7860"])
def test_other_hosts_are_refused(host: str) -> None:
    assert ask(get(host=host)) == [421]


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("192.168.1.4:7860", True),
        ("[fe80::1]:7860", True),
        ("evil.example", False),
    ],
)
def test_listening_accepts_addresses_but_no_foreign_names(host: str, passes: bool) -> None:
    hosts = HostList("127.0.0.1", addresses=True)
    assert ask(get(host=host), hosts=hosts) == [200 if passes else 421]


def test_the_share_link_can_be_added() -> None:
    hosts = HostList("127.0.0.1")
    hosts.allow("abc.gradio.live")
    assert ask(get(host="abc.gradio.live"), hosts=hosts) == [200]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_other_origins_are_refused(origin: str) -> None:
    requests = post("/gradio_api/component_server/", origin=origin), get("/config", origin=origin)
    assert ask(*requests) == [403, 403]


def test_cross_site_requests_are_refused_but_links_work() -> None:
    assert ask(
        post("/gradio_api/cancel", sec_fetch_site="cross-site", sec_fetch_mode="no-cors"),
        get(sec_fetch_site="cross-site", sec_fetch_mode="navigate"),
    ) == [403, 200]


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/deep_link?session_hash=x",
        "/gradio_api/proxy=http://x",
        "/monitoring",
        "/gradio_api/run/txt2img",
        "/gradio_api/api/txt2img",
        "/runs",
        "/docs",
    ],
)
def test_side_doors_are_shut(path: str) -> None:
    assert ask(get(path)) == [404]


def test_control_characters_in_an_address_are_refused_and_other_letters_are_not() -> None:
    assert ask(get("/a%00b"), get("/a%0ab"), get("/%E7%8C%AB%20%C3%A9")) == [400, 400, 200]


@pytest.mark.parametrize("path", ["/static/" + "x" * 256, "/x" * 1600])
def test_names_that_no_file_can_have_are_not_looked_for(path: str) -> None:
    assert ask(get(path), get("/static/" + "x" * 255)) == [404, 200]


def test_bodies_are_limited_with_and_without_a_length() -> None:
    big = b"x" * (MAX_BODY_BYTES + 1)
    chunked = httpx.Request(
        "POST",
        "http://127.0.0.1:7860/gradio_api/queue/join",
        content=(part async for part in _parts(big)),
    )
    assert ask(post("/gradio_api/queue/join", big)) == [413]
    assert ask(chunked) != [200]
    assert ask(post("/gradio_api/upload", big)) == [200]
    doors = ("/sdapi/v1/img2img", "/controlnet/detect", "/v1/images/edits", "/mcp")
    assert ask(*(post(path, big) for path in doors)) == [200] * 4
    assert ask(post("/gradio_api/upload", content_length=str(MAX_UPLOAD_BYTES + 1))) == [413]


async def _parts(content: bytes):
    for start in range(0, len(content), 65536):
        yield content[start : start + 65536]


def test_what_all_send_together_is_bounded_but_for_uploads_which_go_into_files() -> None:
    large = b"x" * 1000
    told = [post("/x", large), post("/gradio_api/upload", large), post("/x", large[:900])]
    assert ask(*told, post("/x", large[:900]), arriving=950) == [503, 200, 200, 200]

    async def pieces():  # of a length that is not told
        for _ in range(4):
            yield large

    chunked = httpx.Request("POST", "http://127.0.0.1:7860/x", content=pieces())
    assert ask(chunked, post("/x", large), arriving=1500) == [500, 200], "given back afterwards"


@pytest.mark.parametrize("path", ["/login", "/login/", "/loom/invitation/x"])
def test_who_has_not_logged_in_sends_little(path: str) -> None:
    assert ask(post(path, b"x" * 30_000)) == [413]
