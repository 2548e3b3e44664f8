"""The one place where failures become sentences."""

from __future__ import annotations

import logging

from backend.contracts.errors import LoomError

LOG = logging.getLogger(__name__)


def sentence(error: BaseException) -> str:
    """What a person is told of a failure; the cause of an unexpected one goes to the log."""
    if isinstance(error, LoomError):
        return str(error)
    LOG.error("internal error", exc_info=error)
    return "Something went wrong inside; the log has the details. Please try again."
