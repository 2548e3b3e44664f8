"""What each test file costs, so that the dearest begin first and no worker ends alone.

`tests/file_costs.json` holds seconds by file, of those that take at least one; a new file counts as
a cheap one. `python -m tests.file_costs REPORT.xml` writes it anew from what
`make test ARGS="--junitxml=REPORT.xml"` has told.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_suffix(".json")
LEAST_S = 1.0


def costs() -> dict[str, float]:
    """Seconds by file, under the repository's root."""
    return json.loads(TABLE.read_text(encoding="utf-8"))


def found(report: Path) -> dict[str, float]:
    """Seconds by file, of a report of pytest's."""
    sums: dict[str, float] = defaultdict(float)
    for case in ElementTree.parse(report).iter("testcase"):
        sums[_file(case.attrib["classname"])] += float(case.attrib["time"])
    return dict(sorted((file, round(s, 1)) for file, s in sums.items() if s >= LEAST_S))


def _file(classname: str) -> str:
    """`tests.ui.test_a.TestB` is in `tests/ui/test_a.py`."""
    parts = classname.split(".")
    return "/".join(part for part in parts if not part[0].isupper()) + ".py"


def order(
    files: Iterable[str], driven: Collection[str], known: Mapping[str, float]
) -> dict[str, int]:
    """Which place each file has: those that drive a browser first, then the dearest.

    What costs nothing that is known of keeps its place among its like.
    """
    listed = dict.fromkeys(files)
    by_cost = sorted(listed, key=lambda file: (file not in driven, -known.get(file, 0.0)))
    return {file: place for place, file in enumerate(by_cost)}


if __name__ == "__main__":
    TABLE.write_text(json.dumps(found(Path(sys.argv[1])), indent=1) + "\n", encoding="utf-8")
