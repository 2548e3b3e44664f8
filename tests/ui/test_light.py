"""The page needs neither torch nor diffusers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
import ui.page.build, backend.engine.fake.engine
heavy = {"torch", "diffusers", "transformers", "peft"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_page_starts_without_torch() -> None:
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", CODE], cwd=root, check=True, timeout=280)
