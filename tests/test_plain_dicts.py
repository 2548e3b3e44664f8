"""What has no fixed shape stands at borders alone, and there is less of it from time to time.

A `dict[str, Any]` in `backend` is JSON that comes in or goes out (records, presets, other tools'
files, the `info` of the API), a config of diffusers or transformers, or the values of a form by
their fields' names before they are settings. What a module of ours makes for another one is a
frozen record. The number is the most that there may be: lower it when you have removed some.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

BACKEND = Path(__file__).resolve().parents[1] / "backend"
PLAIN = "dict[str, Any]"
MOST = 188


def test_there_are_no_more_than_there_were() -> None:
    found = Counter[str]()
    for file in BACKEND.rglob("*.py"):
        lines = file.read_text(encoding="utf-8").splitlines()
        found[file.relative_to(BACKEND).parts[0]] += sum(PLAIN in line for line in lines)
    assert found.total() <= MOST, f"make a frozen record of what is ours: {found}"
