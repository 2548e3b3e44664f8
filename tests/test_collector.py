"""What is there before the first test is none of the garbage collector's business."""

from __future__ import annotations

import gc


def test_imports_and_what_was_collected_are_left_alone() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 50_000
