"""The table of docs/parity.md: `make parity ARGS="--junitxml=REPORT.xml"`, then

python -m tests.parity.table REPORT.xml
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def rows(report: Path) -> list[str]:
    """A line for each test: where it is, what it says, its runs and how many of them were equal."""
    runs, equal = Counter[str](), Counter[str]()
    for case in ElementTree.parse(report).iter("testcase"):
        where = "/".join(case.attrib["classname"].split(".")[1:])
        said = case.attrib["name"].partition("[")[0].removeprefix("test_").replace("_", " ")
        runs[f"{where}: {said}"] += 1
        equal[f"{where}: {said}"] += not list(case.iter("failure")) + list(case.iter("error"))
    lines = [f"| {name} | {count} | {equal[name]} |" for name, count in sorted(runs.items())]
    return [*lines, f"| all | {runs.total()} | {equal.total()} |"]


if __name__ == "__main__":
    print("| test | runs | equal |\n|---|---:|---:|", *rows(Path(sys.argv[1])), sep="\n")
