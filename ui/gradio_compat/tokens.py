"""Login sessions that last, in the place of Gradio's own.

Gradio (6.31) keeps them in a dict of the process, as they are, under a cookie whose name it draws
anew at each start: everybody logs in again. Upstream: gradio-app/gradio#8246 asks for more.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import gradio as gr

from backend.storage.sessions import Sessions


class Tokens(MutableMapping[str, str]):
    """Names of accounts by the token of a session, as Gradio looks them up.

    Args:
        sessions: Where they are kept. They cannot be listed: no token is.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def __getitem__(self, token: str) -> str:
        found = self._sessions.find(token) if isinstance(token, str) else None
        if found is None:
            raise KeyError(token)
        return found

    def __setitem__(self, token: str, name: str) -> None:
        self._sessions.open(token, name)

    def __delitem__(self, token: str) -> None:
        self[token]
        self._sessions.close(token)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def keep_sessions(blocks: gr.Blocks, sessions: Sessions, name: str) -> None:
    """From here on, logins of a launched page are kept there.

    Args:
        blocks: The page.
        sessions: Where.
        name: Ends the cookies' names; the same after a restart.
    """
    app: Any = blocks.app
    app.tokens = Tokens(sessions)
    app.cookie_id = name
