"""A studio that nobody lets out: it starts, draws and learns all the same, and asks nobody."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.hostile.conftest import listening
from tests.hostile.events import ended, form, pressed
from tests.ui.conftest import running

# Python runs this first: whatever is not this machine cannot be found nor reached.
_BLOCKED = """
import sys
def _refuse(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        asked = args[0] if event.startswith("socket.get") else args[1]
        host = asked[0] if isinstance(asked, tuple) else asked
        if str(host) not in ("127.0.0.1", "localhost", "::1", "None", "") and "/" not in str(host):
            with open({log!r}, "a") as file:
                file.write(f"{{event}} {{asked}}\\n")
            raise OSError(101, "Network is unreachable")
sys.addaudithook(_refuse)
"""


@pytest.mark.slow
def test_without_a_network_all_is_as_ever_and_nobody_is_asked(tmp_path: Path) -> None:
    log = tmp_path / "asked.txt"
    (tmp_path / "sitecustomize.py").write_text(_BLOCKED.format(log=str(log)))
    data = tmp_path / "data"
    with running(data, "--api", fake_step_s=None, PYTHONPATH=str(tmp_path)) as server:
        printed = listening(server)
        with httpx.Client(base_url=server.url, timeout=120) as client:
            values = form(client) | {"prompt": "a house", "steps": 2, "size": "64x64"}
            state = ended(client, pressed(client, "one", values=values)["job"], 120)
            assert state["state"] == "done", state
            small = {"prompt": "a house", "steps": 1, "width": 64, "height": 64}
            assert client.post("/sdapi/v1/txt2img", json=small).status_code == 200
            assert client.get("/").status_code == 200
        assert not any("Traceback" in line for line in printed), "".join(printed)[-3000:]
    assert not log.exists(), log.read_text()
