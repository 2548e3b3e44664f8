"""A disk that is full, and processes that are killed: what was drawn is kept, nothing is half."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from backend.contracts.settings import parse
from backend.storage.presets import PresetStore
from tests.hostile.conftest import listening
from tests.hostile.events import ended, form, pressed
from tests.ui.conftest import ROOT, Server, running

if sys.platform != "linux":
    pytest.skip("needs prlimit", allow_module_level=True)
import resource

SETTINGS = {"steps": 2, "prompt": "a house"}


def room(server: Server, size_bytes: int) -> None:
    """How large a file the studio may write: beyond it the kernel refuses, as on a full disk."""
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size_bytes, -1))


def within(seconds: float, done: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if done():
            return True
        time.sleep(0.2)
    return done()


def saved(server: Server) -> list[Path]:
    return sorted((server.data / "outputs").rglob("*.png"))


def test_a_full_disk_loses_no_picture(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            room(server, 64)
            job = pressed(client, "one", values=form(client) | SETTINGS)["job"]
            state = ended(client, job)
            assert state["state"] == "done", state
            assert "full" in " ".join(state["told"]["notes"])
            url = state["results"][0]["url"]
            assert url.startswith("loom/jobs/")
            picture = client.get(f"/{url}")
            assert picture.content.startswith(b"\x89PNG")
            assert saved(server) == []
            room(server, -1)
            assert within(25, lambda: len(saved(server)) == 1)
            again = ended(client, job)
            assert again["results"][0]["url"].startswith("gradio_api/file=")
            assert list((server.data / "outputs").rglob(".writing-*")) == []


def test_what_a_killed_studio_left_half_written_is_gone_after_the_next_start(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    folders = (".", "presets", "outputs/2026-01-01", "keys", "loras", "queue/inputs/a")
    left = [data / folder / ".writing-x" for folder in folders]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    with running(data) as server:
        listening(server)
        assert not any(path.exists() for path in left)


def test_a_second_studio_on_the_same_data_is_refused_by_a_sentence(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        listening(server)
        command = [sys.executable, "app.py", "--fake", "--data", str(server.data), "--port", "1"]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert second.returncode != 0
        assert "Another studio uses the data folder" in second.stderr
        assert "Traceback" not in second.stderr
        assert httpx.get(server.url).status_code == 200


_SAVES = """
import sys
from pathlib import Path
from backend.contracts.errors import BadInput
from backend.contracts.settings import parse
from backend.storage.presets import PresetStore
store = PresetStore(Path("presets"), Path(sys.argv[1]))
won = 0
for number in range(20):
    try:
        name = f"Sea {number}" if sys.argv[2] == "a" else f"SEA {number}"
        store.save(name, parse("txt2img", {"seed": int(sys.argv[3])}))
        won += 1
    except BadInput:
        pass
print(won)
"""


@pytest.mark.slow
def test_of_processes_that_save_one_preset_at_once_one_wins(tmp_path: Path) -> None:
    def saving(number: int) -> int:
        command = [sys.executable, "-c", _SAVES, str(tmp_path), "ab"[number % 2], str(number)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return int(done.stdout)

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(saving, range(4)))
    assert sum(won) == 20
    store = PresetStore(ROOT / "presets", tmp_path)
    own = [info for info in store.list() if not info.bundled]
    assert len(own) == 20
    assert not any(info.problem for info in own)


@pytest.mark.slow
def test_a_preset_survives_a_kill_at_any_moment_of_its_writing(tmp_path: Path) -> None:
    store = PresetStore(ROOT / "presets", tmp_path)
    store.save("Sea", parse("txt2img", {"seed": 1}))
    code = _SAVES.replace("range(20)", "range(10**6)").replace(
        "store.save(name,", "store.save('Sea', overwrite=True, settings="
    )
    for moment in range(8):
        command = [sys.executable, "-c", code, str(tmp_path), "a", "7"]
        writer = subprocess.Popen(command, cwd=ROOT)
        time.sleep(1.0 + moment * 0.037)
        writer.kill()
        writer.wait()
        (path,) = tmp_path.glob("*.json")
        assert json.loads(path.read_text())["settings"]["seed"] in (1, 7)
        assert PresetStore(ROOT / "presets", tmp_path).load("Sea").settings
