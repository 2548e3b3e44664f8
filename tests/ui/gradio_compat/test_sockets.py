"""Connections keep to their limits; the last test fails once uvicorn can do it by itself."""

from __future__ import annotations

import inspect
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http import auto

from ui.gradio_compat.sockets import OWN_FILES, BoundedProtocol, SocketLimits, bound_sockets

ASKED = threading.Event()
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def _answer(request: Request) -> Response:
    await request.body()
    return PlainTextResponse("here")


async def _large(request: Request) -> Response:
    ASKED.set()
    return PlainTextResponse("x" * 50_000_000)


SOON_S = 30.0
"""Far less than a connection would stay open, and long for any machine."""


class Sockets:
    """Connections of a test, closed after it."""

    def __init__(self) -> None:
        self.made: list[socket.socket] = []

    def opened(self, server: uvicorn.Server, sent: bytes = b"") -> socket.socket:
        port = server.servers[0].sockets[0].getsockname()[1]
        made = socket.create_connection(("127.0.0.1", port), timeout=2 * SOON_S)
        self.made.append(made)
        made.sendall(sent)
        return made


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    made = Sockets()
    yield made
    for one in made.made:
        one.close()


@contextmanager
def serving(limits: SocketLimits, monkeypatch: pytest.MonkeyPatch) -> Iterator[uvicorn.Server]:
    monkeypatch.setattr(auto, "AutoHTTPProtocol", auto.AutoHTTPProtocol)
    monkeypatch.setattr(BoundedProtocol, "limits", BoundedProtocol.limits)
    bound_sockets(limits)
    routes = [Route("/", _answer, methods=["GET", "POST"]), Route("/large", _large)]
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=routes), port=0, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server
    server.should_exit = server.force_exit = True
    thread.join(10)


def answered(one: socket.socket, until: bytes = b"here") -> bytes:
    said = b""
    with suppress(OSError):
        while until not in said and (part := one.recv(65536)):
            said += part
    return said


def is_closed_soon(one: socket.socket) -> bool:
    begun = time.monotonic()
    answered(one, b"nothing that comes")
    return time.monotonic() - begun < SOON_S


def until(server: uvicorn.Server, *, connected: int, asked: bool = False) -> None:
    """Waits until the server has so many connections, and was asked for what is large."""
    open_now, begun = server.server_state.connections, time.monotonic()
    while len(open_now) != connected or (asked and not ASKED.is_set()):
        assert time.monotonic() - begun < SOON_S
        time.sleep(0.01)


def test_headers_that_do_not_come_end_the_connection(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(SocketLimits(header_s=0.5), monkeypatch) as server:
        assert is_closed_soon(sockets.opened(server))
        assert is_closed_soon(sockets.opened(server, b"GET / HTTP/1.1\r\nhost: "))
        trickling = sockets.opened(server)
        sent = 0
        with suppress(OSError):
            for letter in GET * 40:
                trickling.sendall(bytes([letter]))
                sent += 1
                time.sleep(0.05)
        assert sent < len(GET) * 40
        again = sockets.opened(server, GET)
        assert b"here" in answered(again)
        again.sendall(b"GET / HTTP/1.1\r\n")  # half of a second request on the same connection
        assert is_closed_soon(again)


def test_a_body_that_does_not_come_ends_it_too(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(SocketLimits(header_s=9, body_s=0.5), monkeypatch) as server:
        begun = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc"
        assert is_closed_soon(sockets.opened(server, begun))
        whole = sockets.opened(server, begun + b"defghi")
        assert b"here" in answered(whole)


def test_who_does_not_read_is_left(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(SocketLimits(stalled_s=0.5), monkeypatch) as server:
        slow = sockets.opened(server, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        until(server, connected=0, asked=True)
        got = 0
        with suppress(OSError):
            while part := slow.recv(1 << 20):
                got += len(part)
        assert got < 50_000_000


def test_silent_connections_give_way_to_new_ones(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(SocketLimits(sockets=10, header_s=60), monkeypatch) as server:
        silent = [sockets.opened(server) for _ in range(60)]
        for _ in range(5):
            assert b"here" in answered(sockets.opened(server, GET))
        assert is_closed_soon(silent[0])


def test_an_address_has_a_share_of_its_own(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.gradio_compat.sockets.is_local", lambda address: False)
    with serving(SocketLimits(an_address=5, header_s=60), monkeypatch) as server:
        for _ in range(5):
            sockets.opened(server)
        until(server, connected=5)
        assert b"503" in answered(sockets.opened(server), b"seconds.")


def test_connections_leave_room_for_files() -> None:
    assert SocketLimits.within(65_536).sockets == 2000
    for files in (256, 512, 1024, 4096):
        assert 16 <= SocketLimits.within(files).sockets <= files - OWN_FILES


def test_uvicorn_still_waits_for_headers_for_ever() -> None:
    assert not [name for name in inspect.signature(uvicorn.Config).parameters if "header_t" in name]
    assert "call_later" not in inspect.getsource(auto.H11Protocol.connection_made)
