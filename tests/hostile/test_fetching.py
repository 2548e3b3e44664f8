"""A studio asks nobody for anything, whatever a request names."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.hostile.conftest import Victim, joined

FILE = {"meta": {"_type": "gradio.FileData"}, "orig_name": "x.png"}


class Elsewhere:
    """An address on this machine that counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/x.png"
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        try:
            while True:
                self._socket.accept()[0].close()
                self.visits += 1
        except OSError:
            pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    made = Elsewhere()
    yield made
    made.close()


def spelled(address: str) -> list[dict[str, Any]]:
    """One file, in the ways in which a request can say it."""
    return [
        {**FILE, "path": address},
        {**FILE, "path": address.replace("http", "HTTPS", 1)},
        {**FILE, "path": f" {address}"},
        {"path": address},
    ]


def test_no_event_fetches_the_address_that_a_file_names(
    victim: Victim, browser: httpx.Client, elsewhere: Elsewhere
) -> None:
    before = victim.asked_bytes
    events = browser.get("/config").json()["dependencies"]
    assert len(events) > 100
    for event in events:
        # In the place of every input, among them each that takes a picture.
        for file in spelled(elsewhere.url)[:1]:
            sent = [file for _ in event["inputs"]] or [file]
            answer = joined(browser, event["id"], sent, "fetching")
            assert answer.status_code == 400, event
            assert answer.json()["detail"] == "Upload the file; an address is not fetched."
    assert victim.requests_since(before) == ""
    assert elsewhere.visits == 0


def test_an_address_is_found_however_it_is_spelled_and_wherever_it_lies(
    victim: Victim, browser: httpx.Client, elsewhere: Elsewhere
) -> None:
    before = victim.asked_bytes
    names = [*spelled(elsewhere.url), *spelled("http://localhost.example.org/x.png")]
    for file in names:
        for data in ([file], [[file]], [{"background": None, "layers": [file], "composite": None}]):
            assert joined(browser, 0, data, "fetching").status_code == 400
    hidden = (
        '{"fn_index": 0, "session_hash": "s", "data": [{"\\u0070ath": "\\u0068ttp://127.0.0.1/x"}]}'
    )
    for path in ("/gradio_api/queue/join", "/gradio_api/run/predict"):
        answer = browser.post(path, content=hidden, headers={"content-type": "application/json"})
        assert answer.status_code == 400
    assert victim.requests_since(before) == ""
    assert elsewhere.visits == 0


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file={url}",
        "/gradio_api/file/{url}",
        "/gradio_api/proxy={url}",
        "/gradio_api/stream/x",
    ],
)
def test_no_route_streams_an_address(
    victim: Victim, browser: httpx.Client, elsewhere: Elsewhere, path: str
) -> None:
    before = victim.asked_bytes
    assert browser.get(path.format(url=elsewhere.url)).status_code in (403, 404)
    assert browser.head(path.format(url=elsewhere.url)).status_code in (403, 404)
    assert victim.requests_since(before) == ""
    assert elsewhere.visits == 0


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"fn_index": ' + b"9" * 5000]
)
def test_what_is_no_json_object_is_a_sentence(browser: httpx.Client, body: bytes) -> None:
    for path in ("queue/join", "cancel", "component_server", "reset"):
        answer = browser.post(
            f"/gradio_api/{path}", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400, path
        assert answer.json()["detail"] == "The request is no JSON object; send one."


@pytest.mark.parametrize("host", ["[", "[::1", "]:7860", "127.0.0.1:x["])
def test_half_an_address_as_host_is_refused(victim: Victim, host: str) -> None:
    assert httpx.get(victim.server.url, headers={"host": host}).status_code == 421
    assert httpx.get(victim.server.url, headers={"origin": f"http://{host}"}).status_code == 403
