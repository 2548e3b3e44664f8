"""A log of lines of JSON: what becomes of jobs, by ids that open none, and what goes wrong."""

from __future__ import annotations

import json
import logging
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from backend.engine.jobs.journal import LOGGER
from ui.server.foreign import as_dict

MAX_BYTES, KEPT = 16 * 2**20, 4


class JsonLines(logging.Formatter):
    """A record as one line of JSON.

    Args:
        prompts: Whether prompts are kept.
    """

    def __init__(self, *, prompts: bool = False) -> None:
        super().__init__()
        self._prompts = prompts

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        told: dict[str, Any] = {"at": f"{at}.{int(record.msecs):03d}Z", "level": record.levelname}
        facts = as_dict(getattr(record, "loom", None))
        if facts:
            told |= {k: v for k, v in facts.items() if k != "prompt" or self._prompts}
        else:
            told |= {"event": "log", "from": record.name, "text": record.getMessage()[:2000]}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)[-8000:]
        return json.dumps(told, ensure_ascii=False)


def write_log(path: Path, *, prompts: bool = False) -> logging.Handler:
    """Begins to write it; 16 MB, and the four files before it.

    Args:
        path: The file; its folder is made.
        prompts: Whether prompts are kept.

    Returns:
        What writes; `logging.getLogger().removeHandler` ends it.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8")
    handler.setFormatter(JsonLines(prompts=prompts))
    handler.addFilter(_worth)
    logging.getLogger(LOGGER).setLevel(logging.INFO)
    logging.getLogger().addHandler(handler)
    return handler


def _worth(record: logging.LogRecord) -> bool:
    """Jobs, and of all else what went wrong."""
    return record.name == LOGGER or record.levelno >= logging.WARNING
