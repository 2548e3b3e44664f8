"""A model's folder is replaced whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from toyworld.swapping import swapped_in


def test_the_new_folder_takes_the_old_ones_place(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "one"
    for text in ("first", "second"):
        with swapped_in(folder) as aside:
            (aside / text).write_text(text)
    assert [path.name for path in folder.iterdir()] == ["second"]
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_after_an_error_the_old_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    with swapped_in(folder) as aside:
        (aside / "kept").write_text("kept")
    (tmp_path / "file").write_text("stands in the way")
    with pytest.raises(FileExistsError), swapped_in(folder) as aside:
        (tmp_path / "file").mkdir()
    assert [path.name for path in folder.iterdir()] == ["kept"]
