"""A disk and a temporary folder that are really full: small ones of the studio's own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.hostile.conftest import listening
from tests.hostile.events import ended, form, pressed
from tests.ui.conftest import Server, running

if sys.platform != "linux":
    pytest.skip("needs Linux' namespaces", allow_module_level=True)

# Mounts that only this process sees; as root, or as somebody who may make a namespace of users.
_SMALL = """
import ctypes, os, runpy
libc = ctypes.CDLL(None, use_errno=True)
def done(result):
    if result:
        raise OSError(ctypes.get_errno(), "not allowed")
user, group = os.getuid(), os.getgid()
if libc.unshare(0x20000):
    done(libc.unshare(0x10020000))
    open("/proc/self/setgroups", "w").write("deny")
    open("/proc/self/uid_map", "w").write(f"0 {{user}} 1")
    open("/proc/self/gid_map", "w").write(f"0 {{group}} 1")
done(libc.mount(b"none", b"/", None, 0x44000, None))
for at, mib in {small!r}:
    done(libc.mount(b"none", at.encode(), b"tmpfs", 0, f"size={{mib}}m,mode=0777".encode()))
"""
_RUN = 'runpy.run_path("app.py", run_name="__main__")'
SETTINGS = {"steps": 2, "prompt": "a house", "size": "64x64"}


@dataclass(frozen=True)
class Small:
    """A studio on small disks.

    Attributes:
        server: The process.
        client: Somebody.
        printed: What it prints.
    """

    server: Server
    client: httpx.Client
    printed: list[str]

    def seen(self, path: Path) -> Path:
        """A path as the studio sees it."""
        return Path(f"/proc/{self.server.process.pid}/root{path}")

    def fill(self, folder: Path) -> Path:
        """Takes all the room that is left there."""
        path = self.seen(folder) / "filler"
        with path.open("ab", buffering=0) as file:
            for size in (65536, 512, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
        return path

    def drawn(self, press: str) -> dict[str, object]:
        """One picture's job once it has ended."""
        values = form(self.client) | SETTINGS
        return ended(self.client, pressed(self.client, press, values=values)["job"])


@contextmanager
def small(tmp_path: Path, data_mib: int, temporary_mib: int) -> Iterator[Small]:
    data, temporary = tmp_path / "data", tmp_path / "temporary"
    data.mkdir()
    temporary.mkdir()
    mounts = ((str(data), data_mib), (str(temporary), temporary_mib))
    program = _SMALL.format(small=mounts)
    trial = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"this machine lets nobody mount: {trial.stderr[-200:]}")
    with running(data, program=("-c", program + _RUN), TMPDIR=str(temporary)) as server:
        printed = listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            yield Small(server, client, printed)


def within(seconds: float, done: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.2)
    return done()


@pytest.mark.slow
def test_a_disk_without_a_byte_of_room_loses_no_picture(tmp_path: Path) -> None:
    with small(tmp_path, 8, 64) as studio:
        data = tmp_path / "data"
        assert studio.drawn("before")["state"] == "done"
        filler = studio.fill(data)
        for press in ("one", "two"):
            state = studio.drawn(press)
            assert state["state"] == "done", state
            assert "full" in " ".join(state["told"]["notes"])  # type: ignore[index]
            url = state["results"][0]["url"]  # type: ignore[index]
            assert studio.client.get(f"/{url}").content.startswith(b"\x89PNG")
        outputs = studio.seen(data / "outputs")
        assert len(list(outputs.rglob("*.png"))) == 1
        filler.unlink()
        assert within(30, lambda: len(list(outputs.rglob("*.png"))) == 3)
        assert not list(outputs.rglob(".writing-*"))
        assert studio.drawn("after")["state"] == "done"
        assert not any("Traceback" in line for line in studio.printed), "".join(studio.printed)


@pytest.mark.slow
def test_a_full_temporary_folder_is_a_sentence_and_stops_no_drawing(tmp_path: Path) -> None:
    with small(tmp_path, 64, 8) as studio:
        filler = studio.fill(tmp_path / "temporary")
        files = {"files": b"x" * 200_000}
        refused = studio.client.post("/gradio_api/upload", files=files)
        assert 400 <= refused.status_code < 600
        assert refused.status_code == 507, refused.text
        assert "full" in refused.json()["detail"]
        state = studio.drawn("meanwhile")
        assert state["state"] == "done", state
        url = state["results"][0]["url"]  # type: ignore[index]
        assert studio.client.get(f"/{url}").content.startswith(b"\x89PNG")
        filler.unlink()
        assert studio.client.post("/gradio_api/upload", files=files).status_code == 200
        assert not any("Traceback" in line for line in studio.printed), "".join(studio.printed)
