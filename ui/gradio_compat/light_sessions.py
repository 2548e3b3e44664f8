"""A session that holds no second description of the page.

Gradio (6.31) describes every component anew for each session that comes, by looking at its
constructor, and once more whenever an answer changes one: some tenths of a second on the event
loop, for which everybody waits, and a megabyte a session. Nothing but deep links reads it, which
are shut here (`ui.server.guard`). No issue upstream was found for it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gradio.state_holder import SessionState


def describe_nothing_twice() -> None:
    """From here on, sessions that come describe no components."""
    plain: Any = SessionState.__init__
    if hasattr(plain, "light"):
        return

    def made(self: Any, blocks: Any) -> None:
        plain(self, SimpleNamespace(default_config=blocks.default_config, blocks={}))
        self.blocks_config.config_for_block = _nothing

    made.light = True  # type: ignore[attr-defined]
    SessionState.__init__ = made


def _nothing(*args: Any, **options: Any) -> dict[str, Any]:
    return {}
