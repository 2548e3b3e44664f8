"""A training gives way: one thread, and no priority."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOK = """
import os, sys, torch, cv2
from toyworld.humble import be_humble
be_humble()
print(torch.get_num_threads(), cv2.getNumThreads(), os.nice(0))
if hasattr(os, "SCHED_IDLE"):
    print(os.sched_getscheduler(0) == os.SCHED_IDLE)
sys.stdout.flush()
os._exit(0)  # to take everything down in order is long, where others want the processor
"""


def test_a_humble_process_has_one_thread_and_no_priority():
    ended = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wanted = ["1 1 19"] + (["True"] if hasattr(os, "SCHED_IDLE") else [])
    assert ended.stdout.splitlines() == wanted
