"""Accounts, roles, keys and limits against a running app."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.storage.accounts import Accounts
from backend.storage.audit import Audit
from tests.hostile.conftest import joined, listening
from tests.hostile.events import ended, form, pressed, sent
from tests.ui.conftest import ROOT, Server, running

SECRET = "a long secret"
PEOPLE = {"olga": "owner", "max": "member", "gus": "guest"}


def command(data: Path, *arguments: str, line: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "app.py", "users", *arguments, "--data", str(data)],
        cwd=ROOT,
        input=line,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@contextmanager
def peopled(data: Path, *flags: str, step_s: str = "0.01") -> Iterator[Server]:
    accounts = Accounts(data / "accounts.json")
    for name, role in PEOPLE.items():
        if accounts.get(name) is None:
            accounts.add(name, SECRET, role)  # type: ignore[arg-type]
    file = str(data / "accounts.json")
    with running(data, "--api", "--auth-file", file, *flags, fake_step_s=step_s) as server:
        listening(server)
        yield server


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with peopled(tmp_path_factory.mktemp("people") / "data") as server:
        yield server


@contextmanager
def logged_in(server: Server, name: str, cookies: Any = None) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60, cookies=cookies) as client:
        if cookies is None:
            data = {"username": name, "password": SECRET}
            assert client.post("/login", data=data).status_code == 200
        yield client


def test_each_account_has_its_role_and_no_other_gets_in(studio: Server) -> None:
    for name, role in PEOPLE.items():
        with logged_in(studio, name) as client:
            me = client.get("/loom/me").json()
            assert (me["name"], me["role"], me["keys"]) == (name, role, [])
            assert me["quota"]["waiting_limit"] == 32
    with httpx.Client(base_url=studio.url) as stranger:
        assert stranger.get("/loom/me").status_code == 401
        wrong = {"username": "olga", "password": "no"}
        nobody = {"username": "nobody", "password": SECRET}
        told = [stranger.post("/login", data=data) for data in (wrong, nobody)]
        assert [answer.status_code for answer in told] == [400, 400]
        assert told[0].text == told[1].text


@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("queue/pause", "owner"),
        ("queue/resume", "owner"),
        ("queue/stop", "owner"),
        ("memory/free", "owner"),
        ("devices/cpu/drain", "owner"),
        ("devices/cpu/enable", "owner"),
        ("devices/cpu/pin", "owner"),
    ],
)
def test_what_concerns_everybody_is_for_owners(studio: Server, path: str, least: str) -> None:
    for name, role in PEOPLE.items():
        with logged_in(studio, name) as client:
            answer = client.post(f"/loom/{path}")
            assert answer.status_code == (200 if role == least else 403), (name, path)
            if role != least:
                assert "this is for owners" in answer.json()["error"]


def marked(client: httpx.Client) -> dict[int, tuple[str, int]]:
    """Events that are for some roles alone: what they are, and how many inputs they have."""
    config = client.get("/config").json()
    names = {one["id"]: one["props"].get("elem_id") or "" for one in config["components"]}
    found: dict[int, tuple[str, int]] = {}
    for event in config["dependencies"]:
        of = [names.get(target, "") for target, _ in event["targets"]]
        for name in ("loom-preset-delete", "loom-preset-import"):
            if name in of and event["backend_fn"]:
                found[event["id"]] = ("member", len(event["inputs"]))
    return found


def test_a_guest_draws_and_keeps_no_preset(studio: Server) -> None:
    with logged_in(studio, "gus") as gus, logged_in(studio, "max") as member:
        job = pressed(gus, "gus draws", values=form(gus) | {"prompt": "a house"})["job"]
        assert ended(gus, job)["state"] == "done"
        events = marked(gus)
        assert len(events) == 2
        for event, (role, inputs) in events.items():
            refused = sent(gus, event, [None] * inputs, f"gus-{event}").said
            assert f"this is for {role}s" in refused, refused
            assert "you may" not in sent(member, event, [None] * inputs, f"max-{event}").said


def test_scripts_have_their_accounts_role(studio: Server) -> None:
    for name, role in PEOPLE.items():
        with logged_in(studio, name) as client:
            for endpoint, data in (("free_memory", []), ("train_lora", ["x", "pocket"])):
                path = f"/gradio_api/call/{endpoint}"
                event = client.post(path, json={"data": data}).json()
                if "event_id" not in event:
                    continue  # too few values, as the endpoint says before anybody's role
                with client.stream("GET", f"{path}/{event['event_id']}") as stream:
                    said = "".join(stream.iter_text())
                assert ("this is for owners" in said) == (role != "owner"), (name, said)
        answer = httpx.post(f"{studio.url}/sdapi/v1/unload-checkpoint", auth=(name, SECRET))
        assert ("this is for owners" in answer.text) == (role != "owner"), (name, answer.text)
    noted = {(one["who"], one["did"]) for one in Audit(studio.data / "audit.log").lines()}
    assert {("olga", "called free_memory"), ("olga", "freed memory")} <= noted
    assert not any(who in ("max", "gus") and did.startswith("called") for who, did in noted)


def test_a_key_is_a_scripts_way_in_until_it_is_taken_back(studio: Server) -> None:
    with logged_in(studio, "max") as client:
        made = client.post("/loom/me/keys", json={"name": "nightly", "scopes": ["read"]}).json()
        drawing = client.post("/loom/me/keys", json={"name": "draws"}).json()
        listed = client.get("/loom/me").json()["keys"]
        assert [key["name"] for key in listed] == ["nightly", "draws"]
        assert made["key"] not in client.get("/loom/me").text
        with httpx.Client(base_url=f"{studio.url}/sdapi/v1", timeout=60) as script:
            reads = {"authorization": f"Bearer {made['key']}"}
            draws = {"authorization": f"Bearer {drawing['key']}"}
            small = {"prompt": "a house", "steps": 1, "width": 64, "height": 64}
            assert script.get("/options", headers=reads).status_code == 200
            assert script.post("/txt2img", headers=reads, json=small).status_code == 403
            assert script.post("/txt2img", headers=draws, json=small).status_code == 200
            assert client.post(f"/loom/me/keys/{made['number']}/take-back").json() == {}
            assert script.get("/options", headers=reads).status_code == 401
            command(studio.data, "password", "max", line=f"{SECRET}\n")
            assert script.get("/options", headers=draws).status_code == 401
            assert client.get("/loom/me").status_code == 401  # its sessions have ended as well
    with logged_in(studio, "gus") as other:
        assert "error" in other.post(f"/loom/me/keys/{drawing['number']}/take-back").json()


@pytest.mark.slow
def test_a_login_lasts_over_a_restart_and_a_suspension_ends_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with peopled(data) as server, logged_in(server, "max") as client:
        cookies = dict(client.cookies)
        token = next(value for name, value in cookies.items() if name.startswith("access-token"))
    for path in (data / "keys").iterdir():
        assert token.encode() not in path.read_bytes()
    with peopled(data) as server, logged_in(server, "max", cookies) as client:
        assert client.get("/loom/me").json()["name"] == "max"
        assert client.get("/").status_code == 200
        command(data, "suspend", "max")
        assert client.get("/loom/me").status_code == 401
        assert "auth_required" in client.get("/").text
        join = joined(client, 0, [], "suspended")
        assert join.status_code == 401


@pytest.mark.slow
def test_limits_are_one_persons_and_are_told(tmp_path: Path) -> None:
    flags = ("--max-waiting", "3", "--megapixel-steps", "40")
    with peopled(tmp_path / "data", *flags, step_s="3") as server:
        with logged_in(server, "max") as one, logged_in(server, "max") as two:
            values = form(one) | {"prompt": "a house", "steps": 4}
            said = ""
            for number in range(8):
                client = (one, two)[number % 2]  # another session is no other person
                said = pressed(client, f"p{number}", values=values).get("error", "")
                if said:
                    break
                time.sleep(0.05)
            assert "jobs waiting" in said
            one.post("/gradio_api/upload", files={"files": b"x" * 1000})
            quota = one.get("/loom/me").json()["quota"]
            assert quota["waiting"] == 3
            assert quota["done_s"] > 3, "all of this person's, also by another session"
            assert (quota["upload_bytes"], quota["upload_bytes_limit"]) == (1000, 512 * 2**20)
            assert 0 < quota["megapixel_steps"] < 40
        with logged_in(server, "gus") as other:
            large = form(other) | {"prompt": "a house", "steps": 150, "size": "1024x1024"}
            refused = pressed(other, "large", values=large)
            assert "megapixel-steps" in refused["error"]
            assert "job" in pressed(other, "small", values=values)


def test_delete_my_data_leaves_nothing_of_mine_and_all_of_others(tmp_path: Path) -> None:
    with peopled(tmp_path / "data") as server:
        with logged_in(server, "max") as mine, logged_in(server, "olga") as hers:
            for client, prompt in ((mine, "my secret house"), (hers, "her boat")):
                values = form(client) | {"prompt": prompt, "steps": 1}
                assert (
                    ended(client, pressed(client, prompt, values=values)["job"])["state"] == "done"
                )
            pictures = sorted((server.data / "outputs").rglob("*.png"))
            assert len(pictures) == 2
            content = b"an upload of mine" * 100
            (made,) = [path for path in pictures if b"my secret house" in path.read_bytes()]
            names = {"names": [f"{made.parent.name}/{made.name}"]}
            assert mine.post("/loom/history/delete", json=names).json() == names
            upload = mine.post("/gradio_api/upload", files={"files": content}).json()[0]
            mine.post("/loom/me/keys", json={})
            assert mine.post("/loom/me/forget").json() == {"pictures": 1}
            assert mine.get("/loom/me").status_code == 401
            assert not Path(upload).exists()
            assert not list((server.data / "deleted").rglob("*.png"))
            (left,) = (server.data / "outputs").rglob("*.png")
            assert b"her boat" in left.read_bytes()
            assert hers.get("/loom/me").json()["name"] == "olga"
        assert Accounts(server.data / "accounts.json").keys("max") == []
        for path in (server.data / "queue").rglob("*"):
            if path.is_file():
                assert b"my secret house" not in path.read_bytes(), path
        done = [line["did"] for line in Audit(server.data / "audit.log").lines()]
        assert "had their data deleted" in done


def test_nobody_in_the_file_is_a_sentence_at_the_start(tmp_path: Path) -> None:
    command_line = [sys.executable, "app.py", "--fake", "--auth-file", str(tmp_path / "none.json"),
                    "--data", str(tmp_path)]  # fmt: skip
    done = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "add an account first" in done.stderr
    assert "Traceback" not in done.stderr
