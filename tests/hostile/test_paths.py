"""Names that lead out of their folder, or look like another's, wherever one may be given."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.contracts.settings import parse
from backend.storage.presets import Preset, PresetStore
from tests.hostile.conftest import listening
from tests.hostile.events import ended, form, pressed, sent
from tests.ui.conftest import ROOT, Server, running

SECRET = "this is nobody's business"
SETTINGS = {"prompt": "a house", "seed": 7}


@dataclass(frozen=True)
class Open:
    """A studio that asks for no login, with a secret beside its pictures."""

    server: Server
    client: httpx.Client
    secret: Path
    config: dict[str, Any]
    printed: list[str]

    @property
    def escapes(self) -> list[str]:
        """Ways to the secret, and to what every machine has."""
        up = "../" * 12
        ways = [str(self.secret), f"../{self.secret.name}", f"../../{self.secret.name}"]
        ways += [
            f"{up}etc/passwd",
            "/etc/passwd",
            "/proc/self/environ",
            f"/proc/self/root{self.secret}",
        ]
        ways += [way.replace("../", "..\\") for way in ways if "../" in way]
        ways += [way.replace("../", "....//") for way in ways if "../" in way]
        return [*ways, *(way.replace("/", "%2f").replace(".", "%2e") for way in ways)]

    def raw(self, path: str) -> bytes:
        """What an address answers that no client has tidied."""
        port = int(self.server.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
            head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
            one.sendall(head.encode())
            said = b""
            while part := one.recv(65536):
                said += part
        return said


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    data = tmp_path_factory.mktemp("home") / "data"
    data.mkdir()
    secret = data / "secret.txt"
    secret.write_text(SECRET)
    with running(data, "--api") as server:
        printed = listening(server)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            values = form(client) | {"prompt": "a house", "steps": 1}
            assert ended(client, pressed(client, "one", values=values)["job"])["state"] == "done"
            yield Open(server, client, secret, client.get("/config").json(), printed)


def hold(studio: Open, text: bytes | str, where: str) -> None:
    content = text.encode() if isinstance(text, str) else text
    assert SECRET.encode() not in content, where
    assert b"root:" not in content, where


@pytest.mark.slow
def test_no_address_leads_out_of_its_folder(studio: Open) -> None:
    begins = (
        "/gradio_api/file=",
        "/gradio_api/file/",
        "/gradio_api/custom_component/x/component/",
        "/assets/",
        "/static/",
        "/static/img/",
        "/theme/",
        "/loom/",
        "/loom/words/",
        "/loom/portraits/",
        "/loom/history/thumbnail?name=",
        "/loom/history/note?name=",
        "/v1/models/",
        "/v1/images/files/x/",
        "/",
    )
    (picture,) = (studio.server.data / "outputs").rglob("*.png")
    inside = f"/gradio_api/file={picture}"
    assert b"\x89PNG" in studio.raw(inside), "what may be seen is"
    for begin in (*begins, f"/gradio_api/file={picture.parent}/"):
        for escape in studio.escapes:
            hold(studio, studio.raw(begin + escape.replace(" ", "%20")), begin + escape)
    assert not any("Traceback" in line for line in studio.printed), "".join(studio.printed)[-3000:]


@pytest.mark.slow
def test_no_name_in_a_body_leads_out_of_its_folder(studio: Open) -> None:
    before = {path: path.stat().st_size for path in studio.server.data.rglob("*.txt")}
    file = {"meta": {"_type": "gradio.FileData"}, "orig_name": "x.png"}
    for escape in studio.escapes:
        for what in ("favour", "delete", "restore", "zip"):
            body = {"names": [escape], "on": True}
            hold(studio, studio.client.post(f"/loom/history/{what}", json=body).content, escape)
        body = {"name": escape, "note": "x", "tags": ["y"]}
        hold(studio, studio.client.post("/loom/history/note", json=body).content, escape)
        for endpoint in ("read_record", "verify"):
            path = f"/gradio_api/call/{endpoint}"
            event = studio.client.post(
                path, json={"data": [{**file, "path": escape}] + [None] * 40}
            )
            hold(studio, event.content, escape)
            if "event_id" in event.text:
                with studio.client.stream("GET", f"{path}/{event.json()['event_id']}") as stream:
                    hold(studio, "".join(stream.iter_text()), escape)
        for key in ("sd_model_checkpoint", "sd_vae"):
            call = {"prompt": f"<lora:{escape}:1> __{escape}__", "steps": 1, "width": 64,
                    "height": 64, "override_settings": {key: escape}}  # fmt: skip
            hold(studio, studio.client.post("/sdapi/v1/txt2img", json=call).content, escape)
    assert {path: path.stat().st_size for path in studio.server.data.rglob("*.txt")} == before
    assert len(list((studio.server.data / "outputs").rglob("*.png"))) >= 1
    outside = [path for path in studio.server.data.parent.iterdir() if path.name != "data"]
    assert outside == []


def imported(studio: Open, name: str) -> str:
    """What the page's *Import a file* says to a preset of that name."""
    content = Preset(name, "txt2img", parse("txt2img", SETTINGS | {"seed": 1}), {}).to_bytes()
    files = {"files": ("preset.json", content)}
    path = studio.client.post("/gradio_api/upload", files=files).json()[0]
    config = studio.config
    ids = {one["id"]: one["props"].get("elem_id") or "" for one in config["components"]}
    (event,) = [
        one
        for one in config["dependencies"]
        if one["backend_fn"] and "loom-preset-import" in [ids.get(t, "") for t, _ in one["targets"]]
    ]
    file = {"meta": {"_type": "gradio.FileData"}, "path": path, "orig_name": "preset.json"}
    data: list[Any] = [
        file if ids.get(one) == "loom-preset-import" else None for one in event["inputs"]
    ]
    return sent(studio.client, event["id"], data, f"import {len(name)}").whole


@pytest.mark.parametrize(
    "name",
    [
        "sea",
        "SEA",
        "Se\u200ba",
        "Sea\ufe0f",
        "\u2060Sea",
        "S\u0435a",
        "\uff33ea",
        "Se\u00e4",
        "5ea",
    ],
)
def test_a_preset_that_looks_like_another_takes_nothing_from_it(studio: Open, name: str) -> None:
    """Case, letters that nobody sees, Cyrillic and wide ones: refused, or one of its own beside."""
    own = studio.server.data / "presets"
    store = PresetStore(ROOT / "presets", own)
    store.save("Sea", parse("txt2img", SETTINGS), overwrite=True)
    imported(studio, name)
    fresh = PresetStore(ROOT / "presets", own)
    assert fresh.load("Sea").settings.seed == 7  # type: ignore[union-attr]
    assert {path.suffix for path in own.iterdir() if not path.name.startswith(".")} == {".json"}
    for path in own.glob("*.json"):
        assert json.loads(path.read_text())["name"] in ("Sea", name)
        if json.loads(path.read_text())["name"] == name != "Sea":
            path.unlink()


@pytest.mark.parametrize(
    "name", ["../evil", "..\\evil", "/etc/evil", "a\0b", "CON", ".evil", "\u202egnp", "\u200b"]
)
def test_a_preset_whose_name_leads_elsewhere_is_refused(studio: Open, name: str) -> None:
    own = studio.server.data / "presets"
    imported(studio, "Fine")
    fresh = PresetStore(ROOT / "presets", own)
    assert fresh.load("Fine").settings.seed == 1, "others are taken"  # type: ignore[union-attr]
    before = set(studio.server.data.parent.rglob("*"))
    imported(studio, name)
    new = set(studio.server.data.parent.rglob("*")) - before
    assert not [path for path in new if path.suffix == ".json" or "evil" in path.name], new
