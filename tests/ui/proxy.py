"""A TCP proxy whose connections a test can cut, as a phone's are when it sleeps."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass


@dataclass
class _Pair:
    near: socket.socket
    far: socket.socket
    asked: bytes = b""  # the latest request's first line


class Proxy:
    """Passes bytes between a free port of this machine and the server at `url`."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._pairs: list[_Pair] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, path: str = "") -> int:
        """Closes the connections that were last asked for `path`, and says how many there were."""
        gone = [pair for pair in self._pairs if path.encode() in pair.asked]
        for pair in gone:
            self._pairs.remove(pair)
            for end in (pair.near, pair.far):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        return len(gone)

    def close(self) -> None:
        """Ends the proxy."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            pair = _Pair(near, socket.create_connection(self._server))
            self._pairs.append(pair)
            threading.Thread(target=self._ask, args=(pair,), daemon=True).start()
            threading.Thread(target=self._answer, args=(pair,), daemon=True).start()

    def _ask(self, pair: _Pair) -> None:
        with contextlib.suppress(OSError):
            while content := pair.near.recv(65536):
                if content.startswith((b"GET ", b"POST ")):
                    pair.asked = content.partition(b"\r\n")[0]
                pair.far.sendall(content)
            pair.far.shutdown(socket.SHUT_WR)

    def _answer(self, pair: _Pair) -> None:
        with contextlib.suppress(OSError):
            while content := pair.far.recv(65536):
                pair.near.sendall(content)
            pair.near.shutdown(socket.SHUT_WR)
