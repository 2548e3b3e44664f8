"""`python -m tests.cases FOLDER`: the table of its cases."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.cases.walk import table, walked


def main() -> int:
    """Prints the table; 0 where every case is right."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("Give the folder of the cases: python -m tests.cases FOLDER")
        return 2
    with tempfile.TemporaryDirectory() as place:
        rows = walked(Path(sys.argv[1]), Path(place))
    print(table(rows))
    return 0 if all(row.right for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
