"""Trainings over plain routes: what begins one, what it has learned, and who may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus
from backend.contracts.requests import CaptionedPicture, Runnable, TrainDigitsRequest
from backend.engine.fake.engine import FakeEngine
from tests.jobs import ended
from ui.jobs.trainings import training_routes, training_values


class Noting(FakeEngine):
    """Notes what was submitted, and for whom."""

    submitted: list[tuple[Runnable, str]]

    def submit(self, request: Runnable, owner: str = "", **options: Any) -> str:
        self.submitted = [*getattr(self, "submitted", []), (request, owner)]
        return super().submit(request, owner, **options)


@pytest.fixture
def engine() -> Iterator[Noting]:
    made = Noting(step_time_s=0.002)
    yield made
    made.close()


def client(engine: FakeEngine, owner: str = "", role: str = "owner") -> TestClient:
    routes = Starlette(routes=training_routes(engine))

    async def owned(scope: Scope, receive: Receive, send: Send) -> None:
        await routes({**scope, "state": {"owner": owner, "role": role}}, receive, send)

    return TestClient(owned)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setattr("ui.server.uploads.get_upload_folder", lambda: str(tmp_path))
    for number in range(2):
        Image.new("RGB", (40, 40)).save(tmp_path / f"{number}.png")
    return [
        {"path": str(tmp_path / f"{number}.png"), "name": f"{number}.png", "caption": caption}
        for number, caption in enumerate(("", "a boat"))
    ]


VALUES = {"name": "ink", "model": "pocket", "caption": "ink style", "resolution": "", "epochs": 2}


def begun(engine: Noting, pictures: list[dict[str, Any]], **more: Any) -> JobStatus:
    sent = {"values": VALUES, "pictures": pictures, "page": "this browser", **more}
    told = client(engine).post("/trainings", json=sent).json()
    assert set(told) == {"job"}, told
    return ended(engine, told["job"])


def test_a_training_is_a_job_whose_losses_are_asked_for(
    engine: Noting, pictures: list[dict[str, Any]]
) -> None:
    status = begun(engine, pictures)
    ((request, owner),) = engine.submitted
    assert owner == "this browser"
    sent: tuple[CaptionedPicture, ...] = getattr(request, "pictures", ())
    assert [(one.name, one.caption) for one in sent] == [("0.png", ""), ("1.png", "a boat")]
    answer = client(engine).get(f"/trainings/{status.token}")
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert [step for step, _ in told["losses"]] == [1, 2, 3, 4]
    assert (told["lora"], told["name"]) == ("ink", "ink")
    assert told["validated"] == [output.index for output in status.outputs]


def test_whoever_has_logged_in_has_their_turn_in_the_queue(
    engine: Noting, pictures: list[dict[str, Any]]
) -> None:
    sent = {"values": VALUES, "pictures": pictures, "page": "made up"}
    job = client(engine, "ann").post("/trainings", json=sent).json()["job"]
    ended(engine, job)
    assert [owner for _, owner in engine.submitted] == ["ann"]


def test_going_on_is_asked_for_by_one_word(engine: Noting, pictures: list[dict[str, Any]]) -> None:
    begun(engine, pictures, resume=True)
    begun(engine, pictures, resume="yes")
    asked = [getattr(request, "settings", None) for request, _ in engine.submitted]
    assert [getattr(settings, "resume", None) for settings in asked] == [True, False]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "Give the LoRA a name"),
        ([1], "Give the LoRA a name"),
        ({"values": VALUES, "pictures": []}, "no pictures"),
        ({"values": VALUES}, "as a list"),
        ({"values": {**VALUES, "resolution": "wide"}, "pictures": []}, "is a number, or empty"),
        ({"values": {**VALUES, "rank": 0}, "pictures": []}, "rank"),
    ],
)
def test_what_is_missing_is_a_sentence(engine: Noting, sent: Any, words: str) -> None:
    told = client(engine).post("/trainings", json=sent).json()
    assert words in told["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe"])
def test_a_broken_request_is_told(engine: Noting, body: bytes) -> None:
    got = client(engine).post("/trainings", content=body)
    assert got.status_code == 400
    assert "did not arrive whole" in got.json()["error"]


@pytest.mark.parametrize("role", ["guest", "member"])
def test_trainings_are_begun_by_owners(
    engine: Noting, pictures: list[dict[str, Any]], role: str
) -> None:
    got = client(engine, "gus", role).post(
        "/trainings", json={"values": VALUES, "pictures": pictures}
    )
    assert got.status_code == 403
    assert "this is for owners" in got.json()["error"]
    assert not hasattr(engine, "submitted")


def test_a_training_that_is_not_known_is_a_404(engine: Noting) -> None:
    got = client(engine).get("/trainings/nobodys")
    assert got.status_code == 404
    assert got.json()["error"].endswith(".")


def test_fields_that_were_left_empty_are_left_out() -> None:
    raw = {"name": "x", "min_snr_gamma": " 5 ", "resolution": "", "seed": None, "caption": ""}
    assert training_values(raw) == {"name": "x", "min_snr_gamma": 5.0}
    with pytest.raises(BadInput, match="is a number, or empty"):
        training_values({"validation_every": "often"})


def test_digits_begin_with_what_the_form_says(engine: Noting) -> None:
    sent = {"values": {"name": "mine", "steps": "3", "width": ""}, "page": "me"}
    got = client(engine).post("/trainings/digits", json=sent).json()
    request, owner = engine.submitted[-1]
    assert isinstance(request, TrainDigitsRequest)
    assert (request.settings.name, request.settings.steps, owner) == ("mine", 3, "me")
    assert ended(engine, got["job"]).state == "done"
    assert client(engine).get(f"/trainings/{got['job']}").json()["model"] == "mine"
    said = client(engine).post("/trainings/digits", json={"values": {"name": ""}}).json()
    assert said == {"error": "Give the model a name."}


def test_who_may_not_train_trains_no_digits(engine: Noting) -> None:
    answer = client(engine, role="member").post("/trainings/digits", json={"values": {}})
    assert answer.status_code == 403
    assert not getattr(engine, "submitted", [])
