"""Names of pictures in folders of other tools, and what is found there."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.storage import foreign_folders as module
from backend.storage.foreign_folders import is_foreign, located, pictures_in


def test_a_name_stands_for_a_place_in_one_of_the_folders() -> None:
    folders = [Path("/a"), Path("/b")]
    assert located(folders, "@1/deep/x.png") == (Path("/b"), Path("/b/deep/x.png"))
    assert located(folders, "@2/x.png") is None
    assert located(folders, "2026-11-21/x.png") is None
    assert (is_foreign("@1/x.png"), is_foreign("2026-11-21/x.png")) == (True, False)


def test_pictures_at_any_depth_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "deep/er/b.JPEG", "c.webp", "d.txt", ".hidden/e.png", ".f.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "g.png").symlink_to(tmp_path / "a.png")
    names = {name for name, _, _ in pictures_in([tmp_path])}
    assert names == {"@0/a.png", "@0/deep/er/b.JPEG", "@0/c.webp"}
    monkeypatch.setattr(module, "MAX_FILES", 2)
    assert len(list(pictures_in([tmp_path]))) == 2
    assert list(pictures_in([tmp_path / "none"])) == []
