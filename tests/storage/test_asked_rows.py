"""What people have asked for in the last hour, over a restart."""

from __future__ import annotations

from pathlib import Path

from backend.storage.asked_rows import AskedRows
from backend.storage.job_rows import JobRows


class Clock:
    now = 10_000.0

    def __call__(self) -> float:
        return self.now


def test_an_hour_of_it_is_found_again_with_its_age(tmp_path: Path) -> None:
    clock = Clock()
    rows = JobRows(tmp_path / "jobs.sqlite")
    asked = AskedRows(rows, 100.0, clock)
    assert asked.lately() == []
    for at, person in ((0, "ada"), (60, "bob"), (90, "ada")):
        clock.now = 10_000.0 + at
        asked.note(person, at + 1.0)
    rows.close()
    rows = JobRows(tmp_path / "jobs.sqlite")
    again = AskedRows(rows, 100.0, clock)
    assert again.lately() == [("ada", 90.0, 1.0), ("bob", 30.0, 61.0), ("ada", 0.0, 91.0)]
    clock.now = 10_110.0
    assert [who for who, _, _ in again.lately()] == ["bob", "ada"]
    clock.now = 10_050.0  # put back: nothing is of the future
    assert [age for _, age, _ in again.lately()] == [50.0, 0.0, 0.0]
    clock.now = 10_165.0
    again.note("carl", 1.0)
    rows.close()
    kept = (tmp_path / "jobs.sqlite").read_bytes()
    assert b"carl" in kept
    assert b"bob" not in kept, "what is older than an hour is in the file no more"
