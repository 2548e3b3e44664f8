"""The page's script runs before Gradio's; by `head` it would come late."""

from __future__ import annotations

import asyncio

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.ui.conftest import Server
from tests.ui.gradio_compat.plain import HEAD
from ui.gradio_compat.early_script import EarlyScript

PAGE = '<head><script type="module" crossorigin src="x"></script></head>'


async def page(request: Request) -> Response:
    return HTMLResponse(PAGE)


async def data(request: Request) -> Response:
    return JSONResponse({"html": PAGE})


def answer(path: str) -> httpx.Response:
    routes = [Route("/", page), Route("/config", data), Route("/gradio_api/file", page)]
    app = EarlyScript(Starlette(routes=routes), "./own.js")

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://studio") as client:
            return await client.get(path)

    return asyncio.run(go())


def test_a_page_names_the_script_first() -> None:
    text = answer("/").text
    tag = '<script defer src="./own.js"></script>'
    assert text == PAGE.replace('<script type="module"', f'{tag}<script type="module"')


def test_everything_else_is_left_alone() -> None:
    assert answer("/config").json() == {"html": PAGE}
    assert answer("/gradio_api/file").text == PAGE


def test_the_real_page_has_it_before_gradios(server: Server) -> None:
    text = httpx.get(server.url).text
    own = text.index('<script defer src="./loom/page-')
    assert own < text.index('<script type="module" crossorigin src="./assets/index-')
    script = text[own:].split('"')[1].removeprefix(".")
    got = httpx.get(server.url + script)
    assert got.headers["content-type"].startswith("text/javascript")
    assert "immutable" in got.headers["cache-control"]
    assert got.headers["content-encoding"] == "gzip"


def test_gradio_still_hides_the_head_in_its_configuration(with_head: str) -> None:
    """Once this fails, `launch(head=...)` is in the served page: `EarlyScript` can go."""
    head, _, _ = httpx.get(with_head).text.partition("</head>")
    assert "own.js" in head  # inside window.gradio_config
    assert HEAD not in head
