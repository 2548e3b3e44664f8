"""The page's components find their events by one look-up each.

While the page starts, Gradio's script (6.31) asks for each of its components every event of the
page whether it hangs on it, through proxies that make each question dear: with thousands of
components and hundreds of events that is a quarter of what a browser works until the page stands.
It also seeks a component in the whole tree before it asks that component for its value. This serves
that script with a table in the place of the one search, and without the other where the component
answers itself. gradio-app/gradio#12872 profiles the page; no issue about these was found.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import gradio
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

ASSETS = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
ASKS_EACH = "e=>this.find_attached_events(e,this.#n)"
LOOKS_UP = (
    "(found=>e=>(e.props.shared_props.attached_events=[...found.get(e.id)??[]],e))"
    "((events=>{const found=new Map;for(const{targets}of events){const met=new Set;"
    "for(const[id,name]of targets){if(met.has(id))continue;met.add(id);"
    "if(name)found.has(id)?found.get(id).push(name):found.set(id,[name])}}return found})(this.#n))"
)

SEEKS_ALWAYS = "let t=this.#s.get(e),n=Z(this.root,e);return!t&&!n?null:t?await t():"
SEEKS_AT_NEED = "let t=this.#s.get(e),n=t?null:Z(this.root,e);return!t&&!n?null:t?await t():"


@cache
def script() -> tuple[str, bytes] | None:
    """The script's name and what it becomes; None where no script of Gradio's searches so."""
    for file in sorted(ASSETS.glob("core-*.js")):
        text = file.read_text(encoding="utf-8")
        if text.count(ASKS_EACH) == text.count(SEEKS_ALWAYS) == 1:
            quick = text.replace(ASKS_EACH, LOOKS_UP).replace(SEEKS_ALWAYS, SEEKS_AT_NEED)
            return file.name, quick.encode()
    return None


class QuickEvents:
    """Answers for that one script.

    Args:
        app: Gradio's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        asked = scope["type"] == "http" and scope["path"].startswith("/assets/core-")
        made = script() if asked and scope["method"] == "GET" else None
        if made is None or scope["path"] != f"/assets/{made[0]}":
            await self._app(scope, receive, send)
            return
        etag = f'"{hashlib.sha256(made[1]).hexdigest()[:32]}"'
        if Headers(scope=scope).get("if-none-match", "").removeprefix("W/") == etag:
            answer = Response(status_code=304, headers={"etag": etag})
        else:
            answer = Response(made[1], media_type="text/javascript", headers={"etag": etag})
        await answer(scope, receive, send)
