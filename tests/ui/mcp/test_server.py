"""`/mcp`, asked by the official client."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from backend.recipes.metadata import read
from backend.storage.accounts import Accounts
from tests.ui.conftest import Server, running

QUICK: dict[str, Any] = {"steps": 12, "width": 64, "height": 64, "seed": 7}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("data"), "--mcp", fake_step_s="0.05") as server:
        yield server


def asked(url: str, work: Callable[[Client], Awaitable[Any]], mode: Any = "auto") -> Any:
    async def all_of() -> Any:
        async with Client(f"{url}/mcp", mode=mode) as client:
            return await work(client)

    return asyncio.run(all_of())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_tool_draws_and_tells_how_far_it_is(served: Server, mode: str) -> None:
    told: list[float] = []

    async def progress(step: float, total: float | None, message: str | None) -> None:
        told.append(step)

    async def work(client: Client) -> Any:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert {"list_models", "txt2img", "img2img", "upscale"} <= set(names)
        listed = await client.call_tool("list_models", {})
        assert "pocket" in listed.content[0].text  # type: ignore[union-attr]
        return await client.call_tool(
            "txt2img", {"prompt": "a boat", **QUICK}, progress_callback=progress
        )

    made = asked(served.url, work, mode)
    assert not made.is_error
    picture = base64.b64decode(made.content[0].data)
    assert Image.open(io.BytesIO(picture)).size == (64, 64)
    assert read(picture).settings["seed"] == 7
    assert json.loads(made.content[-1].text)["pictures"][0]["settings"]["prompt"] == "a boat"
    assert told == sorted(told)
    if mode == "auto":
        assert told


def test_what_cannot_be_is_a_sentence_that_the_agent_reads(served: Server) -> None:
    async def work(client: Client) -> list[Any]:
        return [
            await client.call_tool("img2img", {"image": "/etc/passwd"}),
            await client.call_tool("txt2img", {"prompt": "!oom", **QUICK}),
            await client.call_tool("txt2img", {"prompt": "a", "model": "dall-e-3"}),
            await client.call_tool("nothing", {}),
        ]

    for made, word in zip(
        asked(served.url, work), ("base64", "", "dall-e-3", "no tool"), strict=True
    ):
        assert made.is_error
        assert word in made.content[0].text
        assert "Traceback" not in made.content[0].text


def test_pages_of_other_sites_are_refused(served: Server) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accepts = {"Accept": "application/json, text/event-stream"}
    answer = requests.post(
        f"{served.url}/mcp", json=body, headers=accepts | {"Origin": "http://evil.example"},
        timeout=60,
    )  # fmt: skip
    assert answer.status_code == 403
    assert requests.post(
        f"{served.url}/mcp", json=body, headers=accepts | {"Host": "evil.example"}, timeout=60
    ).status_code in (403, 421)


def test_a_key_of_an_account_opens_it(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts.json")
    accounts.add("ada", "a long password", "member")
    _, key = accounts.make_key("ada", "agent", ("read", "draw"))
    flags = ("--mcp", "--auth-file", str(tmp_path / "accounts.json"))
    with running(tmp_path / "data", *flags, fake_step_s="0.005") as server:
        assert requests.post(f"{server.url}/mcp", json={}, timeout=60).status_code == 401

        async def work() -> Any:
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
                transport = streamable_http_client(f"{server.url}/mcp", http_client=http)
                async with Client(transport) as client:
                    return await client.call_tool("txt2img", {"prompt": "a", **QUICK})

        assert not asyncio.run(work()).is_error
