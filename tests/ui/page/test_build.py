"""The page stands without torch: checked on a real import and a page that is really built."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ui.conftest import said_by

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("torch", "diffusers", "transformers", "peft", "safetensors.torch", "controlnet_aux")
SCRIPT = """
import json, sys
from pathlib import Path
from ui.gradio_compat.lean_import import import_lean
import_lean()
{first}
from backend.engine.fake.engine import FakeEngine
from ui.page.build import build
from ui.server.studio import studio_at
studio = studio_at(Path(sys.argv[1]), Path("presets"), lambda storage: FakeEngine(storage=storage))
page = build(studio)
assert len(page.blocks.fns) > 50
studio.engine.close()
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""


def found(data: Path) -> list[str]:
    """What of HEAVY a process has imported that built the page with the stand-in engine."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(heavy=HEAVY, first=""), str(data)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_built_page_has_imported_nothing_heavy(tmp_path: Path) -> None:
    assert found(tmp_path) == []


@pytest.mark.parametrize("name", ["safetensors.torch"])
def test_what_is_imported_is_found(tmp_path: Path, name: str) -> None:
    code = SCRIPT.format(heavy=HEAVY, first=f"import {name}")
    assert name in json.loads(said_by(code, tmp_path, str(tmp_path / "data"))[-1])
