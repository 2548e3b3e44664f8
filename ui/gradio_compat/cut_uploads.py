"""An upload that is cut off, or is none, leaves no file behind.

Gradio (6.31) writes what arrives into files of its own making, and removes them where the form
turns out to be none. Where a client hangs up or the disk is full, where a file comes under another
name than its page's, and where a later one cannot be taken, it leaves them: no quota counts them,
and no sweep of its own knows them. No issue upstream was found for it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from gradio import routes
from gradio.route_utils import GradioMultiPartParser
from starlette.formparsers import MultiPartException

NO_FILES = "Send files as a form, each under the name 'files'."
_MADE: ContextVar[list[Any] | None] = ContextVar("made", default=None)


def remove_cut_uploads() -> None:
    """From here on, what does not arrive whole, or where no file is expected, is removed."""
    plain: Any = GradioMultiPartParser.parse
    if hasattr(plain, "removes"):
        return

    @functools.wraps(plain)
    async def parse(self: Any) -> Any:
        try:
            form = await plain(self)
        except BaseException:  # also where the request is cancelled
            _remove(self._files_to_close_on_error)
            raise
        if (made := _MADE.get()) is not None:
            made.extend(self._files_to_close_on_error)
        return form

    taking: Any = routes.upload_fn

    @functools.wraps(taking)
    async def upload_fn(*args: Any, **named: Any) -> Any:
        made: list[Any] = []
        waiting: set[str] = set()
        before = _MADE.set(made)
        try:
            found = await taking(*args, **named)
            waiting = set(found[1])  # to be copied once it is answered
        except TypeError:
            raise MultiPartException(NO_FILES) from None
        finally:
            _MADE.reset(before)
            _remove(file for file in made if file.name not in waiting)
        return found

    parse.removes = True  # type: ignore[attr-defined]
    GradioMultiPartParser.parse = parse
    routes.upload_fn = upload_fn


def _remove(files: Iterable[Any]) -> None:
    for file in files:
        with suppress(OSError):
            file.close()  # what is left in its buffer may find no room
        with suppress(OSError):
            Path(file.name).unlink(missing_ok=True)
