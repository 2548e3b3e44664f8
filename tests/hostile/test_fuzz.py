"""Every event and every route, sent what the page never sends: a sentence, no traceback, no 500."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hostile.conftest import PASSWORD, USER, Victim, joined, listening
from tests.hostile.events import Answer, filled, routes, sent, telling
from tests.ui.conftest import running

FILE = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
SENTENCE = re.compile(r"[A-Z'][^\n]{8,600}")
INSIDE = "Something went wrong inside"


class Fuzzed:
    """A studio of these tests' own, and what it prints."""

    def __init__(self, victim: Victim, client: httpx.Client, printed: list[str]) -> None:
        self.victim, self.client, self.printed = victim, client, printed
        self.events: list[dict[str, Any]] = client.get("/config").json()["dependencies"]

    def tracebacks(self) -> list[str]:
        return [line for line in self.printed if "Traceback" in line or "internal error" in line]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    flags = ("--api", "--auth", f"{USER}:{PASSWORD}")
    with running(folder / "data", *flags, fake_step_s="0") as server:
        printed = listening(server)
        victim = Victim(server, folder / "none")
        with victim.signed_in() as client:
            yield Fuzzed(victim, client, printed)


def bad(answers: list[Answer]) -> list[str]:
    return [
        f"{answer.event}: {answer.said}"
        for answer in answers
        if answer.said and (INSIDE in answer.said or not SENTENCE.fullmatch(answer.said))
    ]


@pytest.mark.parametrize(
    "value",
    [
        [],
        pytest.param(None, marks=pytest.mark.slow),
        pytest.param("x", marks=pytest.mark.slow),
        pytest.param(FILE, marks=pytest.mark.slow),
        pytest.param({"values": {"prompt": 1}}, marks=pytest.mark.slow),
        pytest.param(1e300, marks=pytest.mark.slow),
    ],
)
def test_events_refuse_by_a_sentence(fuzzed: Fuzzed, value: Any) -> None:
    def answer(event: dict[str, Any]) -> Answer:
        name = f"{event['id']}-{type(value).__name__}"
        return sent(fuzzed.client, event["id"], [value] * len(event["inputs"]), name)

    with ThreadPoolExecutor(8) as pool:  # each waits for Gradio's own looks at its queue
        answers = list(pool.map(answer, fuzzed.events))
    assert [one.event for one in answers] == [event["id"] for event in fuzzed.events]
    assert len(answers) > 150
    assert sum(1 for answer in answers if answer.said) > 20
    assert not bad(answers), "\n".join(bad(answers))
    assert not [told for answer in answers if (told := telling(answer.said))]
    assert not fuzzed.tracebacks(), "".join(fuzzed.printed)[-9000:]


@pytest.mark.parametrize("event", [-1, 10**6, 10**30, "x", None, [], 1.5, True])
def test_an_event_that_is_none_is_a_4xx(fuzzed: Fuzzed, event: Any) -> None:
    answer = joined(fuzzed.client, event, [], "s")
    assert 400 <= answer.status_code < 500 or event is True, answer.text
    assert not fuzzed.tracebacks()


@pytest.mark.parametrize("data", [None, "x", {}, [1] * 5000, 3])
def test_data_that_are_not_the_events_are_refused(fuzzed: Fuzzed, data: Any) -> None:
    for event in fuzzed.events[:5]:
        if not isinstance(data, list):
            assert 400 <= joined(fuzzed.client, event["id"], data, "s").status_code < 500 or (
                data is None
            )
        else:
            sent(fuzzed.client, event["id"], data, "s")
    assert not fuzzed.tracebacks(), "".join(fuzzed.printed)[-9000:]


BODIES: list[Any] = [
    {},
    {"session_hash": 1, "fn_index": "x"},
    {"data": 1, "fn_name": "x", "component_id": 10**9, "session_hash": "s", "event_id": []},
    {"prompt": {}, "steps": "x", "image": "x", "job": 1},
]


def test_no_route_answers_500_or_tells_where_files_lie(fuzzed: Fuzzed) -> None:
    seen: list[str] = []
    with fuzzed.victim.signed_in() as client:
        for method, path in routes():
            if "sign-out" in path or "startup" in path:
                continue  # with the login all else would be refused
            for value in ("x", "%00", "../../etc/passwd", "9" * 400):
                for body in BODIES if method == "post" else [None]:
                    status, text = begun(client, method, filled(path, value), body)
                    if status >= 500 or telling(text):
                        where = f"{method} {filled(path, value)[:80]} {body}"
                        seen.append(f"{where}: {status} {telling(text)}")
    assert not seen, "\n".join(seen)
    assert not fuzzed.tracebacks(), "".join(fuzzed.printed)[-9000:]


def begun(client: httpx.Client, method: str, path: str, body: Any) -> tuple[int, str]:
    """A route's status and text, without waiting for a stream's end."""
    auth = (USER, PASSWORD) if path.startswith(("/sdapi", "/v1")) else None
    try:
        with client.stream(method, path, json=body, auth=auth, timeout=20) as answer:
            whole = "content-length" in answer.headers
            return answer.status_code, answer.read().decode("latin-1") if whole else ""
    except httpx.InvalidURL:
        return 0, ""
