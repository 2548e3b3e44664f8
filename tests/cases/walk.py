"""The walk through a folder of cases, and its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.cases import readers
from tests.cases.known import CASES
from tests.cases.readers import Ask, Facts

SHOWN_CHARS = 150


class Row(NamedTuple):
    """One case of the table.

    Attributes:
        case: Its folder.
        before: What came of it at commit 78ccf32; "" where that is not known.
        now: What comes of it.
        right: Whether that is right; None where nobody has said what is.
    """

    case: str
    before: str
    now: str
    right: bool | None


def walked(folder: Path, place: Path) -> list[Row]:
    """A row for each case in the folder.

    Args:
        folder: Of the cases, a folder each.
        place: An empty folder to work in.
    """
    rows: list[Row] = []
    with ExitStack() as stack:
        ask: Ask | None = None
        for case in _cases(folder):
            if case.name.startswith("api-") and ask is None:
                ask = stack.enter_context(readers.asking(place / "studio"))
            facts = _read(case, place / case.name, ask)
            known = CASES.get(case.name)
            right = None if known is None else known.right(facts)
            rows.append(Row(case.name, known.before if known else "", _shown(facts), right))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, and how many are right."""
    mark = {True: "yes", False: "NO", None: "?"}
    lines = ["| case | at 78ccf32 | now | right |", "|---|---|---|---|"]
    lines += [f"| {row.case} | {row.before} | {row.now} | {mark[row.right]} |" for row in rows]
    count = sum(row.right is True for row in rows)
    return "\n".join([*lines, "", f"{count} of {len(rows)} right."])


def _cases(folder: Path) -> Iterator[Path]:
    kinds = ("infotext-", "styles-", "mask-", "lora-", "ckpt-", "api-")
    return (one for one in sorted(folder.iterdir()) if one.is_dir() and one.name.startswith(kinds))


def _read(case: Path, place: Path, ask: Ask | None) -> Facts:
    match case.name.partition("-")[0]:
        case "infotext":
            return readers.infotext(case)
        case "styles":
            return readers.styles(case)
        case "mask":
            return readers.mask(case)
        case "lora":
            return readers.lora(case, place)
        case "ckpt":
            return readers.checkpoint(case, place)
        case _:
            assert ask is not None
            return readers.request(case, ask)


def _shown(facts: Facts) -> str:
    told = "; ".join(f"{key}: {value}" for key, value in facts.items() if value not in ("", None))
    line = " ".join(told.split()).replace("|", "\\|")
    return line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}…"
