"""What the header's list of jobs asks the server: how they stand, stop one, move one up.

Whoever holds a job's token may do so; the page knows those of its own jobs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backend.contracts.errors import LoomError
from backend.engine.jobs.protocol import Engine

MAX_LISTED = 64


def queue_functions(engine: Engine) -> list[Callable[..., Any]]:
    """Server functions for the page's script."""

    def queue_state(asked: Any) -> list[dict[str, Any]]:
        """The jobs of the page, in the order asked for; one that is forgotten has ended."""
        tokens = asked.get("jobs", ()) if isinstance(asked, dict) else ()
        return [_state(engine, str(token)) for token in list(tokens)[:MAX_LISTED]]

    def queue_stop(asked: Any) -> dict[str, Any]:
        """Stops one job, waiting or running."""
        return _act(engine.cancel, asked)

    def queue_up(asked: Any) -> dict[str, Any]:
        """Moves a waiting job before one's own in front of it."""
        return _act(engine.promote, asked)

    return [queue_state, queue_stop, queue_up]


def _state(engine: Engine, token: str) -> dict[str, Any]:
    try:
        status = engine.status(token)
        engine.touch(token)
    except LoomError:
        return {"job": token, "state": "gone"}
    progress = status.progress
    return {
        "job": token,
        "state": status.state,
        "position": status.position,
        "eta": progress.eta_s,
        "step": progress.step,
        "total": progress.total,
        "message": status.error or "",
    }


def _act(act: Callable[[str], None], asked: Any) -> dict[str, Any]:
    token = asked.get("job") if isinstance(asked, dict) else None
    try:
        act(token if isinstance(token, str) else "")
    except LoomError as error:
        return {"error": str(error)}
    return {}
