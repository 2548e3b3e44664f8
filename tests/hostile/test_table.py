"""The table says what was run and how it went, and is made in parts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.hostile.table import Row, Table, document, line, lines, name_of

NODE = "tests/hostile/test_floods.py::test_silent_ones_go[1000]"


def report(when: str, outcome: str, node: str = NODE) -> Any:
    return SimpleNamespace(nodeid=node, when=when, outcome=outcome, duration=1.5)


def silent_ones_go(count: int = 0) -> None:
    """By the thousand."""


def run(path: Path, *reports: Any) -> str:
    table = Table(path)
    table.pytest_collection_modifyitems(
        [SimpleNamespace(nodeid=one.nodeid, function=silent_ones_go) for one in reports]
    )
    for one in reports:
        table.pytest_runtest_logreport(one)
    table.pytest_sessionfinish(None)
    return path.read_text()


def test_cases_of_a_test_are_one_row_and_a_part_replaces_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    other = "tests/hostile/test_floods.py::test_other"
    text = run(path, report("setup", "passed"), report("call", "passed"),
               report("call", "failed", NODE.replace("1000", "1")),
               report("call", "passed", other))  # fmt: skip
    assert "silent ones go. By the thousand. | **fails** in 1 of 2 | 4.5 |" in text
    assert "2 tests" in text
    assert "1 fail" in text
    again = run(path, report("call", "passed"))
    assert "| holds | 1.5 |" in again
    assert "all hold" in again
    assert "floods: other" in again, "it was not run, and stays"


def test_what_is_skipped_or_falls_in_its_setup_is_no_success() -> None:
    assert Row("x", ["skipped"]).result == "not tried"
    assert Row("x", ["failed"]).result == "**fails**"
    assert name_of(NODE) == "floods: silent_ones_go"
    assert name_of("tests/hostile/test_fetching.py::test_half[[::1]") == "fetching: half"
    told = line("a: b", Row("does", ["passed"], 2.0))
    assert lines(document({"a: b": told})) == {"a: b": told}
