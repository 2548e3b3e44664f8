"""A key that stays, and is nobody else's."""

from __future__ import annotations

import stat
from pathlib import Path

from backend.storage.keys import KEY_BYTES, secret_key


def test_the_key_is_the_same_the_next_time_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    key = secret_key(path)
    assert len(key) == KEY_BYTES
    assert secret_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert secret_key(tmp_path / "other.key") != key


def test_half_a_key_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(b"half")
    key = secret_key(path)
    assert len(key) == KEY_BYTES
    assert path.read_bytes() == key


def test_a_folder_that_cannot_be_written_to_gives_a_key_for_now(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert len(secret_key(tmp_path / "file" / "signing.key")) == KEY_BYTES


def test_an_empty_file_that_a_kill_has_left_is_made_anew_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"")
    made = secret_key(path)
    assert secret_key(path) == made == path.read_bytes()
