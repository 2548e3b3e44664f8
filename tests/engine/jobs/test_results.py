"""What lasting jobs have made, in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contracts.events import File, Output, Record
from backend.contracts.requests import VideoRequest
from backend.engine.jobs import results as module
from backend.engine.jobs.job import Job, Patience
from backend.engine.jobs.results import Results
from backend.storage.job_rows import JobRow

SIDE_PX = 8


def job_with(count: int, file: File | None = None) -> Job:
    job = Job(VideoRequest(""), "ada", background=False, patience=Patience())
    for index in range(count):
        pixels = np.full((SIDE_PX, SIDE_PX, 3), index, np.uint8)
        job.add(
            Output(
                index,
                pixels,
                Record("txt2img", {"seed": index}, {}),
                "",
                {"edges": pixels[:, :, 0]},
            )
        )
    if file is not None:
        job.attach(file)
    return job


def row_of(job: Job, told: dict[str, Any]) -> JobRow:
    return JobRow(job.key, job.owner, False, "done", 0.0, "{}", outputs=json.dumps(told))


def test_what_was_made_is_found_again_and_takes_no_memory(tmp_path: Path) -> None:
    results, job = Results(tmp_path), job_with(2, File("a.gif", "image/gif", b"GIF"))
    told, kept = results.put(job)
    assert all(isinstance(one.image, np.memmap) for one in kept)
    outputs, file = results.made(row_of(job, told))
    assert [int(one.image[0, 0, 0]) for one in outputs] == [0, 1]
    assert outputs[1].views["edges"].shape == (SIDE_PX, SIDE_PX)
    assert outputs[1].record.settings == {"seed": 1}
    assert file == File("a.gif", "image/gif", b"GIF")


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    results, job = Results(tmp_path), job_with(2, File("a.gif", "image/gif", b"GIF"))
    told, _ = results.put(job)
    (tmp_path / job.key / "0.npy").write_bytes(b"damaged")
    (tmp_path / job.key / "file.bin").unlink()
    outputs, file = results.made(row_of(job, told))
    assert [one.index for one in outputs] == [1]
    assert file is None


def test_where_the_disk_is_full_pictures_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, what: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_array", full)
    monkeypatch.setattr(module, "write_synced", full)
    job = job_with(1, File("a.gif", "image/gif", b"GIF"))
    told, kept = Results(tmp_path).put(job)
    assert told == {"pictures": [], "file": None}
    assert kept == list(job.outputs)


def test_steps_are_there_until_nothing_goes_on_from_them(tmp_path: Path) -> None:
    results = Results(tmp_path)
    assert results.steps("k") == b""
    results.put_steps("k", b"steps")
    assert results.steps("k") == b"steps"
    results.drop_steps("k")
    results.drop_steps("k")
    assert results.steps("k") == b""


def test_what_a_kill_left_half_written_is_removed_at_the_start(tmp_path: Path) -> None:
    results, job, other = Results(tmp_path), job_with(1), job_with(1)
    results.put(job)
    results.put(other)
    half = tmp_path / job.key / ".writing-x"
    half.write_bytes(b"half")
    results.clear({job.key})
    assert sorted(path.name for path in tmp_path.rglob("*.npy")) == ["0-0.npy", "0.npy"]
    assert not half.exists()
    results.remove(job.key)
    assert list(tmp_path.iterdir()) == []
