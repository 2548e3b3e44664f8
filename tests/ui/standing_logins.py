"""The studio with a clock for logins that stands still: however slow a machine is, no wait is over.

`running(data, *flags, program=PROGRAM)` starts it; all else is as in `app.py`.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

PROGRAM = ("tests/ui/standing_logins.py",)


def main() -> None:
    """Runs `app.py`."""
    from ui.server.logins import Logins

    begun = Logins.__init__

    def standing(self: Logins, key: bytes) -> None:
        begun(self, key, lambda: 0.0)

    Logins.__init__ = standing
    runpy.run_path("app.py", run_name="__main__")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
