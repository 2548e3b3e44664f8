"""Styles: A1111's file, a person's own before the bundled ones, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.storage.styles import MAX_STYLES, Sheet, Style, StyleFiles, parse_styles, written

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
    styles = parse_styles(FILE.encode()).styles
    assert styles == (
        Style("Ink, fine", 'ink drawing of {prompt}, "fine" lines', "photo, blurry"),
        Style("Bright", "very bright colours", ""),
    )
    assert parse_styles(written(styles)) == Sheet(styles)


def test_a_spreadsheets_file_is_read() -> None:
    assert parse_styles("Name, Prompt\nFrühling,grüne Wiese\n".encode("cp1252")) == Sheet(
        (Style("Frühling", "grüne Wiese"),)
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "its first line is name,prompt,negative_prompt"),
        (b"\x89PNG\r\n\x1a\n\0\0", "its first line is"),
        (b"name,words\na,b\n", "its first line is"),
        (b"name,prompt\na," + b"x" * 1_000_000, "larger than 1 MB"),
    ],
)
def test_what_is_no_such_file_is_said(content: bytes, message: str, tmp_path: Path) -> None:
    shelf = StyleFiles(BUNDLED, tmp_path / "styles.csv")
    with pytest.raises(BadInput, match=message):
        shelf.take(content)
    assert not (tmp_path / "styles.csv").exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b",words\n", "Line 3 of styles.csv needs a name"),
        (b"n" * 81 + b",words\n", "needs a name of 1 to 80"),
        (b"b," + b"x" * 20_001 + b"\n", "'b' is too long"),
    ],
)
def test_good_lines_are_taken_and_the_others_named(line: bytes, says: str) -> None:
    sheet = parse_styles(b"name,prompt\na,oil\n" + line + b"c,ink\n")
    assert [style.name for style in sheet.styles] == ["a", "c"]
    assert says in (sheet.problem or "")


def test_many_styles_and_long_ones_are_taken() -> None:
    lines = b"".join(b"a%d,b\n" % n for n in range(501)) + b"long," + b"x" * 4001 + b"\n"
    assert len(parse_styles(b"name,prompt\n" + lines).styles) == 502
    more = b"".join(b"a%d,b\n" % n for n in range(MAX_STYLES + 1))
    sheet = parse_styles(b"name,prompt\n" + more)
    assert len(sheet.styles) == MAX_STYLES
    assert f"the first {MAX_STYLES} are taken" in (sheet.problem or "")


def test_a1111s_first_header_is_understood() -> None:
    assert parse_styles(b"name,text\nA,oil painting\n").styles == (Style("A", "oil painting"),)


def test_own_styles_go_before_bundled_ones_and_are_kept(tmp_path: Path) -> None:
    bundled, problem = StyleFiles(BUNDLED, tmp_path / "styles.csv").list()
    assert problem is None
    shelf = StyleFiles(BUNDLED, tmp_path / "data" / "styles.csv")
    assert len(shelf.take(FILE.encode()).styles) == 2
    shelf.take(b"name,prompt\nbright,less bright\nAt Night,{prompt} by moonlight\n")
    again = StyleFiles(BUNDLED, tmp_path / "data" / "styles.csv").list()[0]
    assert [style.name for style in again[:3]] == ["Ink, fine", "bright", "At Night"]
    assert len(again) == len(bundled) + 2
    assert "At night" not in [style.name for style in again]


def test_a_damaged_file_is_said_and_the_bundled_ones_stay(tmp_path: Path) -> None:
    own = tmp_path / "styles.csv"
    own.write_text("nonsense")
    styles, problem = StyleFiles(BUNDLED, own).list()
    assert styles == parse_styles(BUNDLED.read_bytes()).styles
    assert "no styles.csv" in (problem or "")
    with pytest.raises(BadInput):  # what cannot be read is not written over
        StyleFiles(BUNDLED, own).take(FILE.encode())
    assert own.read_text() == "nonsense"
