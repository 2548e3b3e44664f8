"""Components find their events in a table; Gradio's own script searches for them."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from playwright.sync_api import Browser
from starlette.applications import Starlette

from tests.ui.conftest import Server
from ui.gradio_compat.quick_events import LOOKS_UP, SEEKS_AT_NEED, QuickEvents, script

SEARCH = """(events => e => {
    e.props.shared_props.attached_events = events
        .filter((event) => event.targets.find(([id]) => id === e.id))
        .map((event) => event.targets.find(([id]) => id === e.id)[1])
        .filter(Boolean);
    return e;
})"""
EVENTS = [
    {"targets": [[1, "click"], [2, "change"]]},
    {"targets": [[1, "submit"], [1, "click"]]},
    {"targets": [[2, None], [2, "input"]]},
    {"targets": []},
    {"targets": [[3, "load"]]},
]


def answer(name: str, **headers: str) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=QuickEvents(Starlette()))
        async with httpx.AsyncClient(transport=transport, base_url="http://studio") as client:
            return await client.get(f"/assets/{name}", headers=headers)

    return asyncio.run(go())


def test_gradio_still_searches() -> None:
    assert script() is not None, "Gradio's script has changed: see whether this is needed still"


def test_only_that_script_is_answered_for() -> None:
    made = script()
    assert made is not None
    got = answer(made[0])
    assert got.status_code == 200
    assert got.headers["content-type"].startswith("text/javascript")
    assert LOOKS_UP in got.text
    assert SEEKS_AT_NEED in got.text
    again = answer(made[0], **{"if-none-match": got.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert answer("core-other.js").status_code == 404
    assert answer("index.js").status_code == 404


@pytest.mark.browser
def test_the_table_says_what_the_search_says(chromium: Browser) -> None:
    page = chromium.new_page()
    table = LOOKS_UP.replace("(this.#n)", "(events)")
    found = page.evaluate(
        f"""events => [{SEARCH}(events), {table}].map((find) => [1, 2, 3, 4].map((id) =>
            find({{id, props: {{shared_props: {{}}}}}}).props.shared_props.attached_events))""",
        EVENTS,
    )
    page.context.close()
    assert found[0] == found[1] == [["click", "submit"], ["change"], ["load"], []]


def test_the_real_page_is_given_the_table(server: Server) -> None:
    made = script()
    assert made is not None
    got = httpx.get(f"{server.url}/assets/{made[0]}")
    assert got.content == made[1]
    assert got.headers["content-encoding"] == "gzip"
