"""A zip that was uploaded becomes files that a form may name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from ui.panels.spread import spread


def test_each_picture_is_a_file_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.server.uploads.get_upload_folder", lambda: str(tmp_path))
    monkeypatch.setattr("ui.panels.spread.new_folder", lambda: tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("sea/boat.jpg", b"boat")
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    told = spread({"path": str(tmp_path / "a.zip")})
    (one,) = told["pictures"]
    assert one["name"] == "boat.jpg"
    assert Path(one["path"]).suffix == ".jpg"
    assert Path(one["path"]).read_bytes() == b"boat"


def test_a_path_that_is_no_upload_is_refused() -> None:
    assert "Upload the file" in spread({"path": "/etc/hosts"})["error"]
