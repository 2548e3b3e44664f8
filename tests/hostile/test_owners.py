"""Two people who share a password: nothing of one's reaches the other, by any route or event."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.hostile.conftest import PASSWORD, USER, Victim, listening
from tests.hostile.events import filled, routes, sent
from tests.ui.conftest import running

LONG = {"prompt": "one person's own secret house", "steps": 150, "width": 64, "height": 64}


def script(victim: Victim, word: str = "") -> httpx.Client:
    """A client of A1111's interface that writes this word behind its name."""
    name = f"{USER}+{word}" if word else USER
    return httpx.Client(base_url=f"{victim.server.url}/sdapi/v1", auth=(name, PASSWORD), timeout=60)


@contextmanager
def drawing(client: httpx.Client) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A long job of this client runs: its token, and where the answer will stand."""
    answers: list[dict[str, Any]] = []
    sent_images = LONG | {"send_images": False, "batch_size": 4}
    thread = threading.Thread(
        target=lambda: answers.append(client.post("/txt2img", json=sent_images).json())
    )
    thread.start()
    until = time.monotonic() + 30
    job = ""
    while not job and time.monotonic() < until:
        job = client.get("/progress").json()["state"]["job"]
    assert job
    yield job, answers
    thread.join(60)
    assert answers


def test_another_caller_sees_and_stops_nothing(victim: Victim) -> None:
    with script(victim, "one") as one, script(victim, "two") as two, drawing(one) as (job, answers):
        seen = two.get("/progress").json()
        assert (seen["state"]["job"], seen["state"]["job_count"]) == ("", 0)
        assert seen["current_image"] is None
        assert two.post("/interrupt").status_code == 200
        assert two.post("/skip").status_code == 200
        assert two.get("/progress", params={"job": job[:-1]}).status_code == 404
    info = answers[0]["info"]
    assert '"state": "done"' in info, info


def test_another_callers_choice_of_a_model_is_its_own(victim: Victim) -> None:
    with script(victim, "one") as one, script(victim, "two") as two:
        before = one.get("/options").json()
        names = [card["model_name"] for card in one.get("/sd-models").json()]
        other = next(name for name in names if name != before["sd_model_checkpoint"])
        chosen = {"sd_model_checkpoint": other, "CLIP_stop_at_last_layers": 2}
        assert two.post("/options", json=chosen).status_code == 200
        assert two.get("/options").json()["sd_model_checkpoint"] == other
        assert one.get("/options").json() == before


def test_without_a_word_an_address_is_one_caller(victim: Victim) -> None:
    with script(victim) as one, script(victim) as again, script(victim, "two") as two:
        assert again.post("/options", json={"CLIP_stop_at_last_layers": 3}).status_code == 200
        assert one.get("/options").json()["CLIP_stop_at_last_layers"] == 3
        assert two.get("/options").json()["CLIP_stop_at_last_layers"] != 3


def test_no_route_and_no_event_gives_away_or_stops_what_is_anothers(tmp_path: Path) -> None:
    flags = ("--api", "--auth", f"{USER}:{PASSWORD}")
    with running(tmp_path / "data", *flags, fake_step_s="0.4") as server:
        listening(server)
        victim = Victim(server, tmp_path / "none")
        texts: list[str] = []
        with (
            script(victim, "one") as one,
            drawing(one) as (job, answers),
            victim.signed_in() as two,
        ):
            for method, path in routes():
                if "sign-out" in path:  # with the login all else would be refused
                    continue
                if path == "/loom/queue/stop":  # who has the one password may, as an owner
                    continue
                texts.append(begun(two, method, filled(path, "guessed")))
            with victim.signed_in() as three:
                for event in three.get("/config").json()["dependencies"]:
                    data = [None] * len(event["inputs"])
                    texts.append(sent(three, event["id"], data, "the-other").whole)
            assert one.get("/progress").json()["state"]["job"] == job  # it ran all the while
            one.post("/interrupt")
        assert '"state": "stopped"' in answers[0]["info"]
        assert len(texts) > 200
        leaks = [text for text in texts if job in text or LONG["prompt"] in text]
        assert not leaks, leaks[0][:500]


def begun(client: httpx.Client, method: str, path: str) -> str:
    """What a route answers, as far as it comes at once."""
    auth = (f"{USER}+two", PASSWORD) if path.startswith(("/sdapi", "/v1")) else None
    json = {} if method == "post" else None
    seen = ""
    try:
        with client.stream(method, path, json=json, auth=auth, timeout=0.3) as answer:
            for text in answer.iter_text():
                seen += text
    except httpx.TimeoutException:
        pass
    return seen
