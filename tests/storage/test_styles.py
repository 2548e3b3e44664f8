"""Styles: A1111's file, a person's own before the bundled ones, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.storage.styles import MAX_STYLES, Style, StyleShelf, parse_styles, written

BUNDLED = Path(__file__).parents[2] / "presets" / "styles.csv"
# As A1111 writes it: a byte order mark, quotes, a divider, an empty negative prompt.
FILE = (
    "\ufeffname,prompt,negative_prompt\r\n"
    "---- Mine ----,,\r\n"
    '"Ink, fine","ink drawing of {prompt}, ""fine"" lines","photo, blurry"\r\n'
    "Bright,bright colours,\r\n"
    "Bright,very bright colours\r\n"
)


def test_a1111s_file_is_read() -> None:
    styles = parse_styles(FILE.encode())
    assert styles == (
        Style("Ink, fine", 'ink drawing of {prompt}, "fine" lines', "photo, blurry"),
        Style("Bright", "very bright colours", ""),
    )
    assert parse_styles(written(styles)) == styles


def test_a_spreadsheets_file_is_read() -> None:
    assert parse_styles("Name, Prompt\nFrühling,grüne Wiese\n".encode("cp1252")) == (
        Style("Frühling", "grüne Wiese"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "its first line is name,prompt,negative_prompt"),
        (b"\x89PNG\r\n\x1a\n\0\0", "its first line is"),
        (b"name,text\na,b\n", "its first line is"),
        (b"name,prompt\n,words\n", "Line 2 of styles.csv needs a name"),
        (b"name,prompt\n" + b"n" * 81 + b",words\n", "needs a name of 1 to 80"),
        (b"name,prompt\na," + b"x" * 4001 + b"\n", "too long"),
        (b"name,prompt\n" + b"".join(b"a%d,b\n" % i for i in range(MAX_STYLES + 1)), "501 styles"),
        (b"name,prompt\na," + b"x" * 1_000_000, "larger than 1 MB"),
    ],
)
def test_what_is_no_such_file_is_said(content: bytes, message: str, tmp_path: Path) -> None:
    shelf = StyleShelf(BUNDLED, tmp_path / "styles.csv")
    with pytest.raises(BadInput, match=message):
        shelf.take(content)
    assert not (tmp_path / "styles.csv").exists()


def test_own_styles_go_before_bundled_ones_and_are_kept(tmp_path: Path) -> None:
    bundled, problem = StyleShelf(BUNDLED, tmp_path / "styles.csv").list()
    assert problem is None
    shelf = StyleShelf(BUNDLED, tmp_path / "data" / "styles.csv")
    assert len(shelf.take(FILE.encode())) == 2
    shelf.take(b"name,prompt\nbright,less bright\nAt Night,{prompt} by moonlight\n")
    again = StyleShelf(BUNDLED, tmp_path / "data" / "styles.csv").list()[0]
    assert [style.name for style in again[:3]] == ["Ink, fine", "bright", "At Night"]
    assert len(again) == len(bundled) + 2
    assert "At night" not in [style.name for style in again]


def test_a_damaged_file_is_said_and_the_bundled_ones_stay(tmp_path: Path) -> None:
    own = tmp_path / "styles.csv"
    own.write_text("nonsense")
    styles, problem = StyleShelf(BUNDLED, own).list()
    assert styles == parse_styles(BUNDLED.read_bytes())
    assert "no styles.csv" in (problem or "")
    with pytest.raises(BadInput):  # what cannot be read is not written over
        StyleShelf(BUNDLED, own).take(FILE.encode())
    assert own.read_text() == "nonsense"
