"""What is written stays true: decisions are numbered without holes and listed."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def test_decisions_are_numbered_without_holes() -> None:
    files = sorted((DOCS / "adr").glob("[0-9]*.md"))
    assert [file.name[:4] for file in files] == [f"{n:04}" for n in range(1, len(files) + 1)]
    for file in files:
        assert re.match(rf"# {file.name[:4]}: \S", file.read_text(encoding="utf-8")), file.name


def test_every_decision_is_listed() -> None:
    listed = re.findall(r"\]\((\d{4}[\w-]+\.md)\)", (DOCS / "adr/index.md").read_text("utf-8"))
    assert listed == sorted(file.name for file in (DOCS / "adr").glob("[0-9]*.md"))


def test_the_code_names_decisions_that_exist() -> None:
    numbers = {file.name[:4] for file in (DOCS / "adr").glob("[0-9]*.md")}
    for folder in ("backend", "ui", "tests", "toyworld", "bench"):
        for file in (ROOT / folder).rglob("*.py"):
            named = re.findall(r"(?:ADR |docs/adr/)(\d{4})", file.read_text(encoding="utf-8"))
            assert set(named) <= numbers, file
