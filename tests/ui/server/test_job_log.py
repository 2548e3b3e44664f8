"""The log: lines of JSON, without prompts unless it is asked to keep them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.engine.jobs.journal import LOGGER
from ui.server.job_log import write_log


@pytest.fixture
def levels() -> Iterator[None]:
    log = logging.getLogger(LOGGER)
    before = log.level
    yield
    log.setLevel(before)


def written(path: Path, *, prompts: bool) -> list[dict[str, Any]]:
    handler = write_log(path, prompts=prompts)
    try:
        facts = {"event": "queued", "job": "3f2a", "prompt": "a secret\nhouse"}
        logging.getLogger(LOGGER).info("queued", extra={"loom": facts})
        logging.getLogger("backend.x").info("of no weight")
        try:
            raise ValueError("inside")
        except ValueError:
            logging.getLogger("backend.x").exception("it %s", "failed")
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("prompts", [False, True])
def test_jobs_and_what_went_wrong(tmp_path: Path, levels: None, prompts: bool) -> None:
    job, failure = written(tmp_path / "logs" / "loom.jsonl", prompts=prompts)
    assert (job["event"], job["job"], job["level"]) == ("queued", "3f2a", "INFO")
    assert job["at"].endswith("Z")
    assert job.get("prompt") == ("a secret\nhouse" if prompts else None)
    assert (failure["event"], failure["from"], failure["text"]) == ("log", "backend.x", "it failed")
    assert "ValueError: inside" in failure["trace"]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_log(tmp_path / "file" / "log")
