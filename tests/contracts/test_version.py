"""The studio's version says which code it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.contracts import version
from backend.contracts.version import studio_version


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another `backend`, which the version is told of."""
    (tmp_path / "contracts").mkdir()
    file = tmp_path / "contracts" / "version.py"
    file.write_text("x = 1\n")
    monkeypatch.setattr(version, "__file__", str(file))
    studio_version.cache_clear()
    yield tmp_path
    studio_version.cache_clear()


def test_the_same_code_has_the_same_version(house: Path) -> None:
    first = studio_version()
    assert first.startswith(f"{version.VERSION}+")
    assert len(first.partition("+")[2]) == version.DIGITS
    studio_version.cache_clear()
    assert studio_version() == first
    content = b"contracts/version.py\0x = 1\n\0"
    assert first.endswith(hashlib.sha256(content).hexdigest()[: version.DIGITS])


@pytest.mark.parametrize(
    ("name", "text"), [("contracts/version.py", "x = 2\n"), ("new.py", ""), ("a/b.py", "x = 1\n")]
)
def test_other_code_has_another(house: Path, name: str, text: str) -> None:
    first = studio_version()
    (house / name).parent.mkdir(exist_ok=True)
    (house / name).write_text(text)
    studio_version.cache_clear()
    assert studio_version() != first


def test_what_is_no_code_does_not_count(house: Path) -> None:
    first = studio_version()
    (house / "notes.txt").write_text("x")
    studio_version.cache_clear()
    assert studio_version() == first
