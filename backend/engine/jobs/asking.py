"""From what is asked for to a job, in one call."""

from __future__ import annotations

from backend.contracts.requests import AnyRequest
from backend.engine.jobs.protocol import Engine
from backend.resolve.request import resolve


def ask(
    engine: Engine,
    request: AnyRequest,
    owner: str = "",
    *,
    background: bool = False,
    lasting: bool = False,
    token: str = "",
) -> str:
    """Settles a request by what the engine has, and queues it.

    Returns:
        The job's token.

    Raises:
        LoomError: What cannot run, in a sentence; see `resolve` and `Engine.submit`.
    """
    settled = resolve(request, engine.library())
    return engine.submit(settled, owner, background=background, lasting=lasting, token=token)
