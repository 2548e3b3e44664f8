"""Gradio's events as a script that knows the protocol sends them, and what comes back."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio
import httpx

from tests.ui.conftest import ROOT

# A test's data and models lie in the temporary folder.
PLACES = (str(ROOT), tempfile.gettempdir() + "/", str(Path(gradio.__file__).parents[1]))
_GRADIO_ROUTE = re.compile(r'@(router|app)\.(get|post|head)\(\s*"([^"]+)"')
_OWN_ROUTE = re.compile(r'Route\("(/[^"]+)"')
_API_ROUTE = re.compile(r'@app\.(get|post)\("([^"]+)"')
_V1_ROUTE = re.compile(r'Route\("(/[^"]+)", \w+(, methods=\["POST"\])?\)')


@dataclass(frozen=True)
class Answer:
    """How one event ended.

    Attributes:
        event: Gradio's number of it.
        said: What was refused, empty where it went well.
        whole: The message as it came.
    """

    event: int
    said: str
    whole: str


def sent(
    client: httpx.Client, event: int, data: Sequence[Any], session: str, patience_s: float = 30
) -> Answer:
    """Joins the queue with one event and waits for its end."""
    body = {"fn_index": event, "data": list(data), "session_hash": session, "event_data": None}
    joined = client.post("/gradio_api/queue/join", json=body)
    if joined.status_code != 200:
        return Answer(event, f"{joined.status_code} {joined.text}", joined.text)
    ended = ""
    path = f"/gradio_api/queue/data?session_hash={session}"
    with client.stream("GET", path, timeout=patience_s) as stream:
        for line in stream.iter_lines():
            if not line.startswith("data:"):
                continue
            message = json.loads(line[5:])
            ended += line
            if message["msg"] == "process_completed":
                failed = not message["success"]
                said = str(message["output"].get("error")) if failed else ""
                return Answer(event, said, ended)
            if message["msg"] in ("unexpected_error", "close_stream"):
                return Answer(event, str(message), ended)
    return Answer(event, "the stream ended", ended)


def routes() -> list[tuple[str, str]]:
    """Method and path of every route: Gradio's, ours, and those for other tools' clients."""
    found = [
        (method, f"/gradio_api{path}" if place == "router" else path)
        for place, method, path in _GRADIO_ROUTE.findall(
            (Path(gradio.__file__).parent / "routes.py").read_text("utf-8")
        )
    ]
    jobs = "".join(path.read_text("utf-8") for path in sorted((ROOT / "ui/jobs").glob("*.py")))
    found += [(m, f"/loom{path}") for path in _OWN_ROUTE.findall(jobs) for m in ("get", "post")]
    api = "".join((ROOT / f"ui/sdapi/{name}.py").read_text("utf-8") for name in ("routes", "names"))
    found += [(method, f"/sdapi/v1{path}") for method, path in _API_ROUTE.findall(api)]
    images = (ROOT / "ui/openai/routes.py").read_text("utf-8")
    found += [
        ("post" if posts else "get", f"/v1{path}") for path, posts in _V1_ROUTE.findall(images)
    ]
    found += [("get", "/v1/images/files/{token}/{name}"), ("get", "/metrics"), ("post", "/mcp")]
    found += [("get", "/healthz"), ("get", "/readyz")]
    return list(dict.fromkeys(found))


def filled(path: str, value: str) -> str:
    """A route's path with one value for each of its parameters."""
    return re.sub(
        r"\{(\w+)(:\w+)?\}", lambda m: "1" if (m[2] or m[1]) in (":int", "image") else value, path
    )


def telling(text: str) -> str:
    """What stands around a path of the server's in a text, if one does: of code or of data."""
    at = next((found for place in PLACES if (found := text.find(place)) >= 0), None)
    return "" if at is None else text[max(0, at - 80) : at + 80]


def form(client: httpx.Client) -> dict[str, Any]:
    """What txt2img's components send when nobody has touched them."""
    values: dict[str, Any] = {}
    for component in client.get("/config").json()["components"]:
        props = component["props"]
        name = str(props.get("elem_id") or "")
        if name == "loom-model":
            values["model"] = props.get("value")
        elif name.startswith("txt2img-"):
            values[name.removeprefix("txt2img-")] = props.get("value")
    return values


def pressed(
    client: httpx.Client, press: str, page: str = "page", values: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What the page's Generate in txt2img is answered: {"job"} or {"error"}."""
    sent = dict(form(client) if values is None else values)
    for _ in range(60):
        body = {"press": f"{press}-{len(sent)}", "mode": "txt2img", "page": page, "values": sent}
        answer = client.post("/loom/jobs", json=body).json()
        missing = re.search(r"did not send '(\w+)'", answer.get("error", ""))
        if missing is None:
            return answer
        sent[missing[1]] = None  # what stands beside the components
    raise AssertionError(answer)


def ended(client: httpx.Client, job: str, patience_s: float = 60) -> dict[str, Any]:
    """The last state of a job, as its page is told."""
    state: dict[str, Any] = {}
    for state in states(client, job, patience_s):
        if state["state"] in ("done", "stopped", "failed", "gone"):
            return state
    return state


def stepped(client: httpx.Client, job: str) -> None:
    """Waits until a job has done a step."""
    assert any(state.get("step", 0) >= 1 for state in states(client, job, 240)), job


def states(client: httpx.Client, job: str, patience_s: float) -> Iterator[dict[str, Any]]:
    """What the page of a job is told, one after the other."""
    with client.stream("GET", f"/loom/jobs/events?jobs={job}", timeout=patience_s) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line[6:])
