"""Bodies are read before Gradio reads them, and reach it whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router

from ui.server.bodies import Bodies, problem


async def echo(request: Request) -> Response:
    return Response(await request.body())


def post(path: str, content: bytes, kind: str = "application/json") -> httpx.Response:
    app = Bodies(Starlette(routes=[Route("/{path:path}", echo, methods=["POST"])]))

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post(path, content=content, headers={"content-type": kind})

    return asyncio.run(go())


def test_what_may_pass_arrives_whole() -> None:
    sent = json.dumps({"data": ["x" * 200_000, {"path": "/tmp/x.png"}]}).encode()
    assert post("/gradio_api/queue/join", sent).content == sent


def test_refusals_are_sentences() -> None:
    answer = post("/gradio_api/queue/join/", b'{"data": [{"path": "http://x"}]}')
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Upload the file; an address is not fetched."}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/gradio_api/upload", "multipart/form-data; boundary=x"),
        ("/login", "application/x-www-form-urlencoded"),
    ],
)
def test_forms_are_not_read(path: str, kind: str) -> None:
    assert post(path, b"--x", kind).content == b"--x"


@pytest.mark.parametrize("path", ["queue/join", "component_server", "component_server/"])
def test_a_form_is_no_way_around(path: str) -> None:
    kind = "multipart/form-data; boundary=x"
    assert post(f"/gradio_api/{path}", b"--x", kind).status_code == 400


def test_deep_nesting_is_no_json_object() -> None:
    assert problem(b'{"a":' + b"[" * 200_000) == "The request is no JSON object; send one."
    deep = b'{"a":' + b"[" * 500 + b'{"path": "http://x"}' + b"]" * 500 + b"}"
    assert problem(deep) == "Upload the file; an address is not fetched."


async def late(request: Request) -> Response:
    async def stream():
        yield b"begun"
        raise HTTPException(404)

    return StreamingResponse(stream())


async def lacking(request: Request) -> Response:
    return Response((await request.json())["what is not there"])


def answered(handler: Callable[[Request], Awaitable[Response]], path: str) -> httpx.Response:
    routes = [Route("/{path:path}", handler, methods=["POST"])]

    async def go() -> httpx.Response:
        # Bare, as the page's own application answers what is raised only behind this.
        app = Starlette(routes=routes) if handler is late else Router(routes)
        transport = httpx.ASGITransport(app=Bodies(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post(path, content=b"{}")

    return asyncio.run(go())


def test_a_stream_that_is_refused_too_late_ends() -> None:
    assert answered(late, "/gradio_api/queue/data").content == b"begun"
    with pytest.raises(RuntimeError):
        answered(late, "/elsewhere")


def test_what_a_body_lacks_is_a_sentence() -> None:
    answer = answered(lacking, "/gradio_api/cancel")
    assert answer.status_code == 400
    assert answer.json() == {"detail": "What was sent does not fit the page; reload it."}
    with pytest.raises(KeyError):
        answered(lacking, "/elsewhere")


@pytest.mark.parametrize("session", ["%00", "a%20b", "x" * 65, "a/b", ""])
def test_a_session_that_no_page_has_is_not_kept_alive(session: str) -> None:
    assert answered(echo, f"/gradio_api/heartbeat/{session}").status_code == 400
    assert answered(echo, "/gradio_api/heartbeat/3f2a-x_9").status_code == 200
