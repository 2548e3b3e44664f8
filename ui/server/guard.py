"""An ASGI middleware before Gradio: checks Host and Origin, and limits bodies.

Gradio echoes any Origin off localhost, does not check Host, accepts cross-site posts, and writes
session state to disk through /deep_link (facts: platform, items 1-5 and 14).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_UPLOAD_BYTES = 40_000_000
MAX_BODY_BYTES = 4_000_000
MAX_FORM_BYTES = 20_000  # of who has not logged in: a name and a password
MAX_ARRIVING_BYTES = 2_000_000_000  # that all requests together hold; uploads go into files
MAX_PATH, MAX_NAME = 3000, 255
_BLOCKED = (
    "/gradio_api/deep_link",
    "/gradio_api/run-history",
    "/gradio_api/proxy=",
    "/pwa_icon",
    "/runs",
    "/gradio_api/runs",
    "/monitoring",
    "/gradio_api/dev",
    "/gradio_api/mcp",
    "/docs",
    "/logout",  # by a link anybody's sessions could be ended, and all of a name at once
    "/redoc",
    "/gradio_api/api/",
    "/gradio_api/run/",
    "/gradio_api/file=http",
    "/gradio_api/file/",
    "/gradio_api/openapi.json",
    "/gradio_api/process_recording",
    "/gradio_api/profiling",
    "/gradio_api/stream/",
    "/gradio_api/token",
    "/gradio_api/undo-vibe-edit",
    "/gradio_api/vibe-",
    "/svelte",
)
_RUN = "/gradio_api/run/predict"
_PICTURES = ("/sdapi/", "/controlnet/", "/v1/images/", "/mcp")
_FORMS = ("/login", "/loom/invitation/")


class HostList:
    """Names under which the page may be asked for.

    Args:
        names: Host names without port.
        addresses: Accept any IP address as well (listening to a network): a page that rebinds
            its own name to this machine still shows that name.
    """

    def __init__(self, *names: str, addresses: bool = False) -> None:
        self._names = {name.lower() for name in names}
        self._addresses = addresses

    def allow(self, name: str) -> None:
        """Adds a name, e.g. of the share link once it is known."""
        self._names.add(name.lower())

    def accepts(self, netloc: str) -> bool:
        """Whether the value of a Host header is one of ours."""
        try:
            name = urlsplit(f"//{netloc}").hostname or ""
        except ValueError:  # "[", half an IPv6 address
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._addresses


class Guard:
    """Refuses what should not reach Gradio, each time with one sentence.

    Args:
        app: What is behind it.
        hosts: Names that are the studio's.
        arriving: Bytes that bodies of requests may take, of all that are not answered yet.
    """

    def __init__(self, app: ASGIApp, hosts: HostList, arriving: int = MAX_ARRIVING_BYTES) -> None:
        self._app = app
        self._hosts = hosts
        self._room = arriving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            status, text = refusal
            await PlainTextResponse(text, status)(scope, receive, send)
            return
        held = not _is_upload(scope["path"])
        body = _Body(receive, _limit(scope["path"]), self if held else None)
        try:
            await self._app(scope, body.counted, send)
        finally:
            if held:
                self._room += body.seen

    def take(self, count: int) -> bool:
        """Whether there is room for so many bytes of a body; takes them in any case."""
        self._room -= count
        return self._room >= 0

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        path, host = scope["path"], headers.get("host", "")
        if any(
            letter < " " for letter in path
        ):  # Gradio makes an address of it after its answer has begun
            return 400, "The address holds a character that no page here has."
        if not self._hosts.accepts(host):
            return 421, "This address is not one of Latent Loom's; open the address it printed."
        origin = headers.get("origin")
        if origin is not None and not _is_of(origin, host):
            return 403, "Requests from other sites are not accepted."
        cross = headers.get("sec-fetch-site") == "cross-site"
        if cross and headers.get("sec-fetch-mode") != "navigate":
            return 403, "Requests from other sites are not accepted."
        if any(path.startswith(prefix) for prefix in _BLOCKED) and path.rstrip("/") != _RUN:
            return 404, "Not found."
        if len(path) > MAX_PATH or any(len(part.encode()) > MAX_NAME for part in path.split("/")):
            return 404, "Not found."  # no file can be named so; looking for it would fail
        length, held = headers.get("content-length", "0"), not _is_upload(path)
        limit = _limit(path)
        if length.isdigit() and int(length) > limit:
            return 413, f"That is too large; {_size(limit)} is the limit."
        if length.isdigit() and held and int(length) > self._room:
            return 503, "The studio is being sent too much at once; try again in a moment."
        return None


def _is_of(origin: str, host: str) -> bool:
    """Whether the value of an Origin header is of the same host and port."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _limit(path: str) -> int:
    """Bytes that a body may have; pictures travel in those of scripts and agents."""
    if path.startswith(_FORMS):
        return MAX_FORM_BYTES
    pictures = path.endswith("/upload") or path.startswith(_PICTURES)
    return MAX_UPLOAD_BYTES if pictures else MAX_BODY_BYTES


def _is_upload(path: str) -> bool:
    """Whether a body goes into a file as it arrives."""
    return path.rstrip("/").endswith("/upload")


def _size(count: int) -> str:
    return f"{count // 1_000_000} MB" if count >= 1_000_000 else f"{count // 1000} KB"


class _Body:
    """Counts what arrives, so that a body without a length is limited too.

    Args:
        receive: Where it comes from.
        limit: Bytes that it may have.
        guard: Knows how much room there is for all; None where it is not held in memory.
    """

    def __init__(self, receive: Receive, limit: int, guard: Guard | None) -> None:
        self._receive = receive
        self._limit = limit
        self._guard = guard
        self.seen = 0

    async def counted(self) -> Message:
        """The next piece of it; an end in its place where it is too much."""
        message = await self._receive()
        count = len(message.get("body", b""))
        self.seen += count
        room = self._guard is None or self._guard.take(count)
        if self.seen > self._limit or not room:
            return {"type": "http.disconnect"}
        return message
