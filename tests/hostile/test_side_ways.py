"""Shut doors by other spellings, upgrades, ranges, names of files, keys that are over, races."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from backend.storage.accounts import Accounts
from tests.hostile.conftest import listening
from tests.hostile.events import ended, form, pressed, telling
from tests.hostile.test_people import PEOPLE, SECRET, logged_in
from tests.ui.conftest import Server, running

HIDDEN = "a password of somebody's"


class Place:
    """A studio with accounts and another tool's folder, and what it prints."""

    def __init__(self, server: Server, pictures: Path, printed: list[str]) -> None:
        self.server, self.pictures, self.printed = server, pictures, printed

    def raw(self, *lines: str) -> str:
        """What a request is answered that no client would send so; its first 64 KB."""
        host = httpx.URL(self.server.url)
        with socket.create_connection((host.host, host.port), timeout=20) as plug:
            plug.sendall("\r\n".join((*lines, "", "")).encode("latin-1"))
            answer = b""
            while len(answer) < 65_536 and (piece := plug.recv(65_536)):
                answer += piece
        return answer.decode("latin-1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("sides")
    pictures = folder / "pictures"
    pictures.mkdir()
    (pictures / "settings.json").write_text(HIDDEN)
    Image.new("RGB", (32, 32)).save(pictures / "one.png")
    accounts = Accounts(folder / "accounts.json")
    for name, role in PEOPLE.items():
        accounts.add(name, SECRET, role)  # type: ignore[arg-type]
    flags = ("--api", "--auth-file", str(folder / "accounts.json"), "--pictures", str(pictures))
    with running(folder / "data", *flags, fake_step_s="0.01") as server:
        yield Place(server, pictures, listening(server))


@pytest.mark.parametrize(
    "path",
    [
        "//gradio_api/deep_link",
        "/gradio_api//deep_link",
        "/gradio_api/./deep_link",
        "/x/../gradio_api/deep_link",
        "/gradio_api/%64eep_link",
        "/gradio_api%2fdeep_link",
        "/gradio_api/deep_link;x",
        "http://127.0.0.1/gradio_api/deep_link",
        "/gradio_api/file=..%2f..%2fetc%2fpasswd",
        "/gradio_api/file=/etc/passwd",
        "/theme.css/../gradio_api/deep_link",
        "/sdapi/..%2fgradio_api/info",
    ],
)
def test_another_spelling_opens_no_door(place: Place, path: str) -> None:
    host = httpx.URL(place.server.url).netloc.decode()
    for told in ("", "X-Forwarded-Prefix: /gradio_api", "X-Original-URL: /gradio_api/deep_link"):
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        answer = place.raw(*lines, *([told] if told else []))
        assert answer[9:10] in ("3", "4"), answer[:200]
        assert "root:" not in answer
        assert not telling(answer)


@pytest.mark.parametrize("origin", ["http://evil.example", ""])
def test_an_upgrade_to_a_websocket_leads_nowhere(place: Place, origin: str) -> None:
    host = httpx.URL(place.server.url).netloc.decode()
    answer = place.raw(
        "GET /gradio_api/queue/join HTTP/1.1",
        f"Host: {host}",
        f"Origin: {origin or place.server.url}",
        "Connection: Upgrade, close",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    assert answer[9:10] == "4", answer[:200]
    assert not any("Traceback" in line for line in place.printed)


def test_a_thousand_ranges_are_answered_by_no_more_than_the_file(place: Place) -> None:
    with logged_in(place.server, "max") as client:
        content = b"x" * 50_000
        (path,) = client.post("/gradio_api/upload", files={"files": content}).json()
        for ranges in (["0-"] * 1000, [f"{at}-" for at in range(1000)], ["-1"] * 1000, ["9-1"]):
            headers = {"range": "bytes=" + ",".join(ranges)}
            answer = client.get(f"/gradio_api/file={path}", headers=headers)
            assert answer.status_code in (200, 206, 400, 416), answer.text[:200]
            assert len(answer.content) < 2 * len(content)


@pytest.mark.parametrize(
    "name",
    [
        "x.html",
        "x.svg",
        "x.xhtml",
        "x.js",
        'a"; filename="b.html',
        "a\r\nSet-Cookie: x=y\r\n\r\n<script>.html",
        "../../../x.html",
        "\u202egnp.html",
        "x.html\0.png",
    ],
)
def test_what_is_uploaded_is_nobodys_script(place: Place, name: str) -> None:
    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    with logged_in(place.server, "max") as client:
        sent = client.post("/gradio_api/upload", files={"files": (name, script, "text/html")})
        assert sent.status_code in (200, 400, 422), sent.text
        if sent.status_code != 200:
            return
        answer = client.get(f"/gradio_api/file={quote(sent.json()[0])}")
        assert answer.status_code in (200, 400, 403, 404)
        assert "set-cookie" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    assert not any("Traceback" in line for line in place.printed), "".join(place.printed)[-2000:]


def test_of_another_tools_folder_pictures_are_shown_and_nothing_else(place: Place) -> None:
    with logged_in(place.server, "gus") as client:
        for name, there in (("one.png", True), ("settings.json", False), (".", False)):
            path = quote(str(place.pictures / name))
            answer = client.get(f"/gradio_api/file={path}")
            assert (answer.status_code == 200) == there, (name, answer.text[:200])
            assert HIDDEN not in answer.text


def test_a_key_that_is_over_or_may_less_opens_no_door(place: Place) -> None:
    accounts = Accounts(place.server.data.parent / "accounts.json")
    accounts.add("eve", SECRET)
    key, reads = (accounts.make_key("eve", "x", scopes)[1] for scopes in (("draw",), ("read",)))
    draws: dict[str, Any] = {"prompt": "x", "steps": 1, "width": 64, "height": 64}
    doors = [
        ("GET", "/sdapi/v1/options", None, "read"),
        ("GET", "/controlnet/model_list", None, "read"),
        ("GET", "/v1/models", None, "read"),
        ("POST", "/sdapi/v1/txt2img", draws, "draw"),
        ("POST", "/v1/images/generations", {"prompt": "x", "size": "64x64"}, "draw"),
        ("POST", "/controlnet/detect", {"controlnet_images": []}, "draw"),
    ]

    def statuses(secret: str) -> list[int]:
        headers = {"authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=place.server.url, headers=headers, timeout=60) as client:
            return [client.request(m, path, json=body).status_code for m, path, body, _ in doors]

    def right(secret: str, may: str) -> bool:
        return all(
            (status != 403) == (needs == may) and status != 401
            for status, (*_, needs) in zip(statuses(secret), doors, strict=True)
        )

    assert right(key, "draw")
    assert right(reads, "read")
    accounts.suspend("eve")
    assert set(statuses(key) + statuses(reads)) == {401}
    accounts.suspend("eve", False)
    assert set(statuses(key)) == {401}, "a suspension has ended it"
    _, key = accounts.make_key("eve", "x")
    accounts.remove("eve")
    assert set(statuses(key)) == {401}


def test_nothing_is_saved_for_who_has_their_data_deleted_while_it_is_drawn(place: Place) -> None:
    with logged_in(place.server, "max") as mine, logged_in(place.server, "olga") as hers:
        values = form(mine) | {"steps": 2}
        with ThreadPoolExecutor(8) as pool:
            asked = pool.map(
                lambda n: pressed(mine, f"f{n}", values=values | {"prompt": f"my {n}"}), range(12)
            )
            jobs = [one["job"] for one in asked if "job" in one]
        assert len(jobs) == 12
        assert "pictures" in mine.post("/loom/me/forget").json()
        last = pressed(hers, "after", values=values | {"prompt": "her boat"})
        assert ended(hers, last["job"])["state"] == "done"  # whatever stood before it is over
        left = [path.read_bytes() for path in (place.server.data / "outputs").rglob("*.png")]
        assert [b"her boat" in content for content in left] == [True]
    with logged_in(place.server, "max") as again:
        assert again.get("/loom/history?limit=200").json()["total"] <= 2, "hers, and another tool's"
        for job in jobs:
            state = again.get(f"/loom/jobs/{job}/pictures/0")
            assert state.status_code == 404
