"""Modes that nothing imports before they are run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from backend.modes import MODES
from backend.modes.late import FOLDER, LateMode, late_modes

ROOT = Path(__file__).parents[2]


def test_every_file_of_the_folder_is_a_mode_by_its_name() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert {mode.name for mode in late_modes()} == {f"lab_{name}" for name in files}
    assert files
    assert {f"lab_{name}" for name in files} <= set(MODES)


def test_it_is_imported_when_it_is_run(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "a_late_one.py").write_text(
        "class M:\n    def run(self, request, context):\n        return iter([request, context])\n"
        "MODE = M()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = late_modes(tmp_path, "elsewhere")
    assert found == LateMode("lab_a_late_one", "elsewhere.a_late_one")
    late: Any = LateMode("lab_a_late_one", "a_late_one")
    assert "a_late_one" not in sys.modules
    assert list(late.run(1, 2)) == [1, 2]


def test_the_modes_bring_nothing_of_the_lab() -> None:
    code = (
        "import json, sys, backend.modes;"
        "print(json.dumps([name for name in sys.modules if '.lab.' in name]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout.splitlines()[-1]) == []
