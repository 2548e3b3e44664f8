"""Whose a picture is: who may see it and change it, by every route and event."""

from __future__ import annotations

import io
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.hostile.events import ended, filled, form, pressed, routes
from tests.hostile.test_people import logged_in, peopled
from tests.ui.conftest import Server

WORDS = "a secret house of mine"


def drawn(client: httpx.Client, server: Server, prompt: str = WORDS) -> str:
    """A picture of this person's, by its name among the outputs."""
    before = set((server.data / "outputs").rglob("*.png"))
    values = form(client) | {"prompt": prompt, "steps": 1}
    assert ended(client, pressed(client, prompt, values=values)["job"])["state"] == "done"
    (path,) = set((server.data / "outputs").rglob("*.png")) - before
    return f"{path.parent.name}/{path.name}"


def listed(client: httpx.Client) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in client.get("/loom/history").json()["items"]}


def acted(client: httpx.Client, what: str, name: str) -> httpx.Response:
    return client.post(f"/loom/history/{what}", json={"names": [name], "on": True})


def test_a_picture_is_deleted_by_who_made_it_or_by_an_owner(tmp_path: Path) -> None:
    """And a guest's *Delete my data* leaves what another guest of the account has made."""
    with peopled(tmp_path / "data") as server, ExitStack() as stack:
        olga, max_, again, gus, other = (
            stack.enter_context(logged_in(server, name))
            for name in ("olga", "max", "max", "gus", "gus")
        )
        of_max, of_gus = drawn(max_, server, "one"), drawn(gus, server, "two")
        for client, mine in ((max_, {of_max}), (again, {of_max}), (gus, {of_gus}), (other, set())):
            shown = listed(client)
            assert set(shown) == {of_max, of_gus}, "they share what they see"
            assert {name for name, one in shown.items() if not one["fixed"]} == mine
        for what in ("favour", "delete"):
            for client, name in ((max_, of_gus), (gus, of_max), (other, of_gus), (other, of_max)):
                refused = acted(client, what, name)
                assert refused.status_code == 403, (what, name, refused.text)
                assert "not yours" in refused.json()["error"]
            both = {"names": [of_max, of_gus], "on": True}
            assert max_.post(f"/loom/history/{what}", json=both).status_code == 403
        assert set(listed(olga)) == {of_max, of_gus}, "nothing was changed"
        assert acted(again, "delete", of_max).json() == {"names": [of_max]}
        assert acted(gus, "restore", of_max).status_code == 403
        assert acted(olga, "delete", of_gus).json() == {"names": [of_gus]}
        assert acted(other, "restore", of_gus).status_code == 403
        assert acted(gus, "restore", of_gus).json() == {"names": [of_gus]}
        others = drawn(other, server, "three")
        assert gus.post("/loom/me/forget").json() == {"pictures": 1}
        assert not (server.data / "outputs" / of_gus).exists()
        assert (server.data / "outputs" / others).exists()
        assert other.get("/loom/me").json()["name"] == "gus", "another session of the account"


def test_on_a_private_studio_no_route_and_no_event_shows_anothers_picture(tmp_path: Path) -> None:
    with peopled(tmp_path / "data", "--private") as server, ExitStack() as stack:
        max_, gus, other, olga = (
            stack.enter_context(logged_in(server, name)) for name in ("max", "gus", "gus", "olga")
        )
        name, of_gus = drawn(max_, server), drawn(gus, server, "a guest's boat")
        path = server.data / "outputs" / name
        content = path.read_bytes()
        assert set(listed(max_)) == {name}
        assert set(listed(gus)) == {of_gus}
        for client in (other, olga):
            assert listed(client) == {}
        own = listed(max_)[name]
        assert max_.get(f"/{own['src']}").content == content
        assert max_.get(f"/{own['thumb']}").status_code == 200
        assert max_.get("/loom/history/names?search=secret").json()["names"] == [name]
        begun = max_.post("/loom/verify", json={"picture": {"name": name}, "values": {}})
        assert ended(max_, begun.json()["job"])["state"] == "done"
        packed = max_.post("/loom/history/zip", json={"names": [name]}).content
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            assert archive.read(archive.namelist()[0]) == content
        for client in (gus, olga):
            for answer in asked(client, name, str(path)):
                assert content[:64] not in answer.content, answer.url
                assert WORDS not in answer.text, answer.url
                assert answer.headers.get("content-type") != "image/jpeg", answer.url
        for what in ("delete", "restore"):
            assert acted(olga, what, name).json() == {"names": []}, "for her it is not there"
        assert path.read_bytes() == content
        assert acted(max_, "delete", name).json() == {"names": [name]}
        assert acted(olga, "restore", name).json() == {"names": []}
        assert acted(max_, "restore", name).json() == {"names": [name]}


def asked(client: httpx.Client, name: str, path: str) -> list[httpx.Response]:
    """Every route and event that a picture can be named to."""
    answers: list[httpx.Response] = []
    queries = (f"name={name}", "search=secret", "limit=200")
    for method, route in routes():
        if not route.startswith("/loom/") or "sign-out" in route or "forget" in route:
            continue
        address = filled(route, name)
        if "events" in route or "preview" in route:
            continue  # they are of a job's token
        if method == "get":
            answers += [client.get(f"{address}?{query}") for query in queries]
        else:
            told = {"name": name, "names": [name], "on": True, "values": {}, "page": "x",
                    "picture": {"name": name}}  # fmt: skip
            answers.append(client.post(address, json=told))
    for way in (path, path.replace("/outputs/", "/outputs/./"), f"/{path}"):
        answers += [client.get(f"/gradio_api/file={way}"), client.get(f"/file={way}")]
    config = client.get("/config").json()
    for number, event in enumerate(config["dependencies"]):
        if event["targets"] and event["targets"][0][1] in ("restore", "send"):
            session, told = f"private{number}", {"name": name, "to": "img2img"}
            body = {"fn_index": event["id"], "data": [None] * len(event["inputs"]),
                    "session_hash": session, "event_data": told}  # fmt: skip
            assert client.post("/gradio_api/queue/join", json=body).status_code == 200
            answers.append(client.get(f"/gradio_api/queue/data?session_hash={session}"))
    for component in config["components"]:
        body = {"component_id": component["id"], "fn_name": "compare", "session_hash": "private",
                "data": {"one": {"name": name}, "other": {"name": name}}}  # fmt: skip
        if component["type"] == "html":
            answers.append(client.post("/gradio_api/component_server", json=body))
    assert len(answers) > 40
    return answers
