"""Keeps Gradio from making requests of its own.

Gradio (6.31) fetches what a value's path names if that is an address, and streams what
`/gradio_api/file=http...` names, both through `safehttpx`, which asks a public name server about
the host first. No switch turns that off; no issue upstream was found for it.
"""

from __future__ import annotations

from typing import Any, NoReturn

import safehttpx
from gradio import processing_utils


class NoRequests(ValueError):
    """Something in this process wanted to fetch an address."""


def make_no_requests() -> None:
    """From here on, whatever in Gradio would fetch an address raises instead."""
    safehttpx.get = _refused
    safehttpx.async_validate_url = _refused
    processing_utils.unsafe_download = _refused_now


async def _refused(*args: Any, **options: Any) -> NoReturn:
    _refused_now()


def _refused_now(*args: Any, **options: Any) -> NoReturn:
    raise NoRequests("Upload the file; an address is not fetched.")
