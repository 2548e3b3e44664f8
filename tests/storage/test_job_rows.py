"""Jobs in a file: what was waited for is there after a kill, many changes are one commit."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.storage.job_rows import JobRow, JobRows
from tests.ui.conftest import ROOT


def row(key: str, place: float = 0, **changes: Any) -> JobRow:
    return replace(JobRow(key, "ada", False, "queued", place, "{}"), **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


def test_jobs_come_back_in_their_order_with_all_that_was_changed(path: Path) -> None:
    rows = JobRows(path)
    for number, key in enumerate("abc"):
        rows.put(row(key, number))
    rows.update("b", state="running", starts=1)
    rows.reorder(["c", "a", "b"])
    rows.forget(["a"])
    rows.note("paused", "1").result()
    rows.close()
    again = JobRows(path)
    assert [(found.key, found.state, found.starts) for found in again.all()] == [
        ("c", "queued", 0),
        ("b", "running", 1),
    ]
    assert again.fact("paused") == "1"
    assert again.fact("other") is None
    assert again.row("a") is None
    again.close()


def test_the_file_is_its_owners_alone(path: Path) -> None:
    JobRows(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_changes_that_come_at_once_are_few_commits(path: Path) -> None:
    rows = JobRows(path)
    commits: list[str] = []
    blocked, go = threading.Event(), threading.Event()

    def hold(db: sqlite3.Connection) -> None:
        blocked.set()
        go.wait(10)
        db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)

    rows.change(hold)
    assert blocked.wait(10)
    done = [rows.put(row(str(number), number)) for number in range(200)]
    go.set()
    for one in done:
        one.result(10)
    assert len(rows.all()) == 200
    assert len(commits) <= 3
    rows.close()


def test_one_bad_change_harms_no_other(path: Path) -> None:
    rows = JobRows(path)
    good, bad, late = rows.put(row("a")), rows.update("a", nothing=1), rows.put(row("b"))
    good.result(10)
    late.result(10)
    with pytest.raises(sqlite3.OperationalError):
        bad.result(10)
    assert [found.key for found in rows.all()] == ["a", "b"]
    rows.close()


def test_a_file_that_is_none_or_of_a_later_studio_is_refused(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(OSError, match="cannot be used"):
        JobRows(path)
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(OSError, match="later studio"):
        JobRows(path)


@pytest.mark.parametrize("version", [1, 2])
def test_the_file_of_an_earlier_studio_is_brought_up(path: Path, version: int) -> None:
    db = sqlite3.connect(path)
    columns = "key TEXT PRIMARY KEY, owner TEXT, background INTEGER, state TEXT, place REAL"
    more = "starts INTEGER, request TEXT, outputs TEXT, error TEXT, info TEXT, ended_s REAL"
    db.execute(f"CREATE TABLE jobs ({columns}, {more})")
    db.execute(
        "INSERT INTO jobs VALUES ('a', 'ada', 0, 'queued', 1, 0, '{}', '{}', '', '{}', NULL)"
    )
    db.execute("CREATE TABLE pictures (path TEXT PRIMARY KEY, person TEXT NOT NULL)")
    db.execute(f"PRAGMA user_version={version}")
    db.commit()
    db.close()
    rows = JobRows(path)
    assert [(row.key, row.keeps) for row in rows.all()] == [("a", 0)]
    rows.update("a", keeps=1).result()
    rows.close()
    again = JobRows(path)
    assert again.all()[0].keeps == 1
    again.close()


_WRITES = """
import sys
from pathlib import Path
from backend.storage.job_rows import JobRow, JobRows
rows = JobRows(Path(sys.argv[1]))
number = 0
while True:
    rows.put(JobRow(str(number), "ada", False, "queued", number, "{}")).result()
    print(number, flush=True)
    number += 1
"""


def test_what_was_waited_for_survives_a_kill(path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITES, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(0.3)
    writer.kill()
    said = writer.stdout.read().split()
    writer.stdout.close()
    writer.wait()
    rows = JobRows(path)
    kept = [int(found.key) for found in rows.all()]
    rows.close()
    assert kept == list(range(len(kept)))
    assert kept[-1] >= int(said[-1])
