"""Files of wildcards: which there are, and what stands in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.library import Wildcard
from backend.storage.wildcards import WildcardFiles

ROOT = Path(__file__).parents[2]
COLOURS = ("red", "green", "blue")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "wildcards"
    (folder / "deep").mkdir(parents=True)
    (folder / "colour.txt").write_text("# colours\n\n  red \ngreen\nblue\n", "utf-8")
    (folder / "deep" / "thing.txt").write_text("a __colour__ ball\n", "utf-8")
    (folder / "empty.txt").write_text("# nothing\n\n", "utf-8")
    (folder / "loop.txt").write_text("and __loop__\n", "utf-8")
    (folder / "many.txt").write_text(" ".join(["__many2__"] * 30), "utf-8")
    (folder / "many2.txt").write_text(" ".join(["__colour__"] * 30), "utf-8")
    (tmp_path / "secret.txt").write_text("secret\n", "utf-8")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


def test_they_are_known_by_name_and_links_are_not_followed(folder: Path) -> None:
    files = WildcardFiles(folder)
    assert list(files) == ["colour", "deep/thing", "empty", "loop", "many", "many2"]
    assert len(files) == 6
    assert files["colour"] == Wildcard(COLOURS)
    for name in ("Colour", "../secret", "link", "deep/../colour", "/etc/passwd", ""):
        assert name not in files


def test_a_file_is_read_as_it_is_now(folder: Path) -> None:
    files = WildcardFiles(folder)
    (folder / "colour.txt").write_text("purple\n")
    (folder / "New.txt").write_text("new\n")
    assert files["colour"].lines == ("purple",)
    assert files["new"].lines == ("new",)


def test_own_files_go_before_bundled_ones(folder: Path) -> None:
    bundled = ROOT / "wildcards"
    assert WildcardFiles(bundled, folder)["colour"].lines == COLOURS
    assert len(WildcardFiles(bundled)["colour"].lines) == 10


def test_what_cannot_be_drawn_says_why(folder: Path) -> None:
    (folder / "big.txt").write_text("x" * 1_100_000)
    files = WildcardFiles(folder)
    assert "larger than 1 MB" in str(files["big"].problem)
    assert "has no line to draw" in str(files["empty"].problem)
    assert WildcardFiles(Path("/nowhere")) == {}
