"""Bounds on connections: how many, how long a silent one stays, how slowly one may read.

Gradio (6.31) makes uvicorn's configuration itself and gives no way to say any of it, and uvicorn
(0.54) waits for a request's headers for ever; encode/uvicorn#1908 asks for a limit there. Gradio
names no protocol either, so that uvicorn takes the one that it finds by itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Self

from uvicorn.protocols.http import auto
from uvicorn.protocols.http.h11_impl import H11Protocol

from ui.server.share import is_local

OWN_FILES = 128  # of the process itself: models, databases, libraries
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 57\r\nconnection: close\r\nretry-after: 5\r\n\r\n"
    b"Too many connections are open; try again in some seconds."
)


@dataclass(frozen=True)
class SocketLimits:
    """What connections may do.

    Attributes:
        sockets: Connections in all; above it, the one that has been silent longest gives way.
        an_address: Connections of one address; this machine's own counts for nothing.
        header_s: Until a request's headers must be there.
        body_s: Until a request's body must be there.
        stalled_s: For which a client may leave what is sent to it unread.
    """

    sockets: int = 2000
    an_address: int = 600  # an office behind one address
    header_s: float = 20.0
    body_s: float = 600.0
    stalled_s: float = 60.0

    @classmethod
    def within(cls, files: int) -> Self:
        """As many connections as leave room for files: a request may open some of its own."""
        return cls(sockets=max(16, min(cls.sockets, (files - OWN_FILES) * 2 // 3)))


class BoundedProtocol(H11Protocol):
    """One connection within `limits`."""

    limits = SocketLimits()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._seen: object = None  # the request whose headers were there last

    # --- uvicorn's and asyncio's hooks -------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """A client has come."""
        super().connection_made(transport)
        if self._too_many():
            transport.write(FULL)
            transport.close()
            return
        self._within(self.limits.header_s)

    def data_received(self, data: bytes) -> None:
        """Something has arrived."""
        idle = self._idle
        super().data_received(data)
        if self.cycle is not self._seen:
            self._seen = self.cycle
            if self.cycle.more_body:
                self._within(self.limits.body_s)
        elif idle and self._deadline is None:
            self._within(self.limits.header_s)  # of the next request; each byte of it gives no more
        if self.cycle is not None and not self.cycle.more_body and not self._idle:
            self._at_ease()

    def on_response_complete(self) -> None:
        """A request is answered."""
        self._at_ease()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limits.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._at_ease()
        if self._stalled is not None:
            self._stalled.cancel()
        super().connection_lost(exc)

    # --- bounds ------------------------------------------------------------------------------

    @property
    def _idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _within(self, seconds: float) -> None:
        self._at_ease()
        self._deadline = self.loop.call_later(seconds, self._too_late)

    def _at_ease(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()

    def _too_many(self) -> bool:
        """Whether this connection is one too many, and no silent one could give way to it."""
        address = self.client[0] if self.client else ""
        if address and not is_local(address):
            others: Any = self.connections
            same = sum(1 for one in others if one.client and one.client[0] == address)
            if same > self.limits.an_address:
                return True
        if len(self.connections) <= self.limits.sockets:
            return False
        silent = [one for one in self.connections if one is not self and _silent(one)]
        if not silent:
            return True
        min(silent, key=_since).transport.abort()
        return False


def _silent(one: Any) -> bool:
    """Whether a connection has nothing under way."""
    return isinstance(one, BoundedProtocol) and one._idle and not one.transport.is_closing()


def _since(one: Any) -> float:
    """When its headers are due: who has been silent longest comes first."""
    return one._deadline.when() if one._deadline is not None else float("-inf")


def bound_sockets(limits: SocketLimits) -> None:
    """From here on, servers of this process keep to these limits."""
    BoundedProtocol.limits = limits
    auto.AutoHTTPProtocol = BoundedProtocol
