"""The page is made once for a visitor and an address, and for nobody else's eyes."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.ui.conftest import Server
from ui.gradio_compat.early_script import EarlyScript
from ui.gradio_compat.page_once import KEPT, Kept, Pages, packed
from ui.server.headers import SCRIPTS


class Visitors:
    """A page that says how often it was made and for whom."""

    def __init__(self) -> None:
        self.made = 0
        self.cookie = False
        self.script = '<script type="module" crossorigin src="./assets/x.js"></script>'

        async def page(request: Request) -> Response:
            self.made += 1
            user = request.scope["state"].get("user")
            answer = HTMLResponse(f"{self.script}<p>{user} {self.made}</p>")
            if self.cookie:
                answer.set_cookie("a", "b")
            return answer

        self.app = EarlyScript(Starlette(routes=[Route("/", page)]), "./own.js")
        self.scripts: Any = None

    def get(self, user: str | None = None, path: str = "/", **headers: str) -> str:
        async def known(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["user"] = user
            await self.app(scope, receive, send)
            self.scripts = scope["state"].get(SCRIPTS)

        async def go() -> str:
            transport = httpx.ASGITransport(app=known)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                text = (await client.get(path, headers=headers)).text
                return text[text.index("<p>") :]

        return asyncio.run(go())


def test_the_same_visitor_gets_what_was_made_for_them_and_no_other_does() -> None:
    page = Visitors()
    assert [page.get("ada"), page.get("bob"), page.get("ada"), page.get("bob"), page.get()] == [
        "<p>ada 1</p>", "<p>bob 2</p>", "<p>ada 1</p>", "<p>bob 2</p>", "<p>None 3</p>",
    ]  # fmt: skip
    assert page.scripts == ()
    assert page.get("ada", host="other").endswith("4</p>")
    assert page.get("ada", **{"x-forwarded-proto": "https"}).endswith("5</p>")


def test_what_is_for_one_request_alone_is_made_for_it() -> None:
    page = Visitors()
    assert [page.get("ada", "/?a=b"), page.get("ada", "/?a=b")] == ["<p>ada 1</p>", "<p>ada 2</p>"]
    plain = {"accept-encoding": "identity"}
    assert [page.get("ada", **plain), page.get("ada", **plain)] == ["<p>ada 3</p>", "<p>ada 4</p>"]
    page.script = '<script type="module" crossorigin src="https://elsewhere/x.js"></script>'
    assert page.get("eve") != page.get("eve"), "before the page is served from here"
    page.made = 4
    page.cookie = True
    assert [page.get("ada"), page.get("ada")] == ["<p>ada 5</p>", "<p>ada 6</p>"]


def test_few_are_kept() -> None:
    pages = Pages()
    for number in range(KEPT + 5):
        pages.put((number,), Kept((), b"", ()))
    assert pages.get((4,)) is None
    assert pages.get((5,)) is not None
    assert pages.get(None) is None
    made = packed({"headers": [(b"content-length", b"1"), (b"a", b"b")]}, b"page", ("x",))
    assert made is not None
    assert gzip.decompress(made.packed) == b"page"
    assert dict(made.headers)[b"content-length"] == str(len(made.packed)).encode()
    assert packed({"headers": [(b"Set-Cookie", b"a=b")]}, b"page", ()) is None


def test_the_real_page_is_the_same_each_time_and_its_scripts_are_allowed(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        first, again = client.get("/"), client.get("/")
        plain = client.get("/", headers={"accept-encoding": "identity"})
    assert first.text == again.text == plain.text
    for one in (first, again):
        assert one.headers["content-encoding"] == "gzip"
        assert one.headers["content-security-policy"] == plain.headers["content-security-policy"]
        assert "sha256-" in one.headers["content-security-policy"]
