"""The table of `make hostile`: each test, what it does, how it went, how long it took.

A test with several cases is one row. Rows of a run take the place of those of the same name in the
file, so that the whole may be run in parts; what no longer exists goes once all of it was run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

TITLE = """# Attacks

`make hostile` runs these against real processes on the loopback and writes this table: what is
tried, how it went (the studio holds where it says *holds*), and the seconds that it took, the
studio's start included.

"""
_HEAD = "| test | what it does | result | s |\n|---|---|---|---:|\n"
_ROW = re.compile(r"\| `([^`]+)` \| (.*) \| (.*) \| ([\d.]+) \|")


@dataclass
class Row:
    """One test.

    Attributes:
        does: What it does.
        cases: How each of its cases ended: passed, failed or skipped.
        took_s: All of them together, with what was set up for them.
    """

    does: str
    cases: list[str] = field(default_factory=list[str])
    took_s: float = 0.0

    @property
    def result(self) -> str:
        """In words."""
        failed, skipped = self.cases.count("failed"), self.cases.count("skipped")
        if failed:
            return (
                f"**fails** in {failed} of {len(self.cases)}"
                if len(self.cases) > 1
                else "**fails**"
            )
        if skipped == len(self.cases):
            return "not tried"
        return "holds" if len(self.cases) == 1 else f"holds, {len(self.cases)} cases"


class Table:
    """A plugin of pytest's that keeps the file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, Row] = {}

    def pytest_collection_modifyitems(self, items: Iterable[Any]) -> None:
        """Notes what each test does."""
        for item in items:
            self._rows.setdefault(name_of(item.nodeid), Row(words(item.function)))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Notes how one part of a test went."""
        row = self._rows.get(name_of(report.nodeid))
        if row is None:
            return
        row.took_s += report.duration
        if report.when == "call" or report.outcome != "passed":
            row.cases.append(report.outcome)

    def pytest_sessionfinish(self, session: Any) -> None:
        """Writes the file, with the rows of earlier runs that were not run now."""
        told = {name: line(name, row) for name, row in self._rows.items() if row.cases}
        if told:
            before = lines(self._path.read_text("utf-8")) if self._path.exists() else {}
            self._path.write_text(document(before | told), "utf-8")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Says where it is."""
        terminalreporter.write_line(f"The table is in {self._path}.")


def name_of(nodeid: str) -> str:
    """A test's name for people: module and function, without its cases."""
    module, _, function = nodeid.partition("[")[0].rpartition("::")  # a case may hold "::"
    stem = Path(module.partition("::")[0]).stem.removeprefix("test_")
    return f"{stem}: {function.removeprefix('test_')}"


def words(function: Any) -> str:
    """What a test does: its first line of words, else its name."""
    said = (function.__doc__ or "").strip().split("\n")[0]
    name = function.__name__.removeprefix("test_").replace("_", " ")
    return (f"{name}. {said}" if said else name).replace("|", "/")


def line(name: str, row: Row) -> str:
    """One row of the file."""
    return f"| `{name}` | {row.does} | {row.result} | {row.took_s:.1f} |"


def lines(text: str) -> dict[str, str]:
    """The rows of a file by their names."""
    found = (_ROW.fullmatch(one) for one in text.splitlines())
    return {one[1]: one[0] for one in found if one is not None}


def document(told: Mapping[str, str]) -> str:
    """The whole file."""
    rows = [told[name] for name in sorted(told)]
    took = sum(float(one[4]) for one in map(_ROW.fullmatch, rows) if one is not None)
    failing = sum("**fails**" in one for one in rows)
    summary = f"{len(rows)} tests, {took / 60:.0f} minutes on one core; "
    summary += f"{failing} fail.\n\n" if failing else "all hold.\n\n"
    return TITLE + summary + _HEAD + "\n".join(rows) + "\n"


def planned(config: pytest.Config, path: str | None) -> None:
    """Keeps the table at a path, where there is one."""
    if path:
        config.pluginmanager.register(Table(Path(path)), "hostile-table")
