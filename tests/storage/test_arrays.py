"""Pictures in files: whole, their owner's alone, one for all jobs that use it, no memory taken."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from backend.storage.arrays import Inputs, read_array, remove_folder, write_array, write_synced

PIXELS = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_array_comes_back_as_a_map_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.npy"
    write_array(path, PIXELS[:, ::-1])
    back = read_array(path)
    assert isinstance(back, np.memmap)
    assert np.array_equal(back, PIXELS[:, ::-1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"x" * 200])
def test_what_is_damaged_is_an_os_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(OSError):  # noqa: PT011
        read_array(tmp_path / "a.npy")
    with pytest.raises(OSError):  # noqa: PT011
        read_array(tmp_path / "none.npy")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise OSError(28, "no room")

    with pytest.raises(OSError, match="no room"):
        write_synced(tmp_path / "a", fail)
    assert files(tmp_path) == []


def test_inputs_are_one_file_for_all_jobs_that_use_them(tmp_path: Path) -> None:
    inputs = Inputs(tmp_path)
    first, second = inputs.put("ada", PIXELS), inputs.put("ada", PIXELS.copy())
    assert first == second
    assert len(files(tmp_path)) == 1
    inputs.release("ada", [first])
    assert np.array_equal(inputs.get("ada", first), PIXELS)
    inputs.release("ada", [first])
    assert files(tmp_path) == []


def test_inputs_of_another_are_anothers(tmp_path: Path) -> None:
    inputs = Inputs(tmp_path)
    name = inputs.put("ada", PIXELS)
    with pytest.raises(OSError):  # noqa: PT011
        inputs.get("bob", name)
    inputs.put("bob", PIXELS)
    inputs.release("bob", [name])
    assert np.array_equal(inputs.get("ada", name), PIXELS)
    with pytest.raises(OSError):  # noqa: PT011
        inputs.get("ada", f"../ada/{name}x")


def test_what_no_job_uses_is_cleared_at_the_start(tmp_path: Path) -> None:
    before = Inputs(tmp_path)
    kept, left = before.put("ada", PIXELS), before.put("ada", PIXELS[:4])
    after = Inputs(tmp_path)
    after.used("ada", [kept])
    assert after.clear() == 1
    assert np.array_equal(after.get("ada", kept), PIXELS)
    with pytest.raises(OSError):  # noqa: PT011
        after.get("ada", left)
    remove_folder(tmp_path)
    remove_folder(tmp_path)
    assert not tmp_path.exists()
