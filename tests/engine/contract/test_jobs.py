"""States, results, failures and limits of jobs."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.contracts.errors import BadInput, QueueFull, StorageProblem, UnknownName
from backend.contracts.events import Pixels, Record
from backend.contracts.requests import Branch, CaptionedPicture, TrainLoraRequest, VideoRequest
from backend.contracts.settings.train_lora import parse_training
from backend.engine.jobs import facts
from backend.engine.jobs.asking import ask
from backend.engine.jobs.limits import Limits
from backend.storage.makers import Maker
from backend.storage.outputs import Storage
from tests.engine.contract.conftest import MODEL, SIDE_PX, STEPS, Make, wanted
from tests.jobs import ended, running, until

FOREVER_S = 60.0


def test_a_job_runs_to_its_pictures(make: Make) -> None:
    engine = make()
    status = ended(engine, ask(engine, wanted(batch_size=2)))
    assert status.state == "done", status.error
    assert [output.index for output in status.outputs] == [0, 1]
    assert [output.image.shape for output in status.outputs] == [(SIDE_PX, SIDE_PX, 3)] * 2
    assert [output.record.settings["seed"] for output in status.outputs] == [5, 6]
    assert status.outputs[0].record.extra["drawn_together"] == 2
    assert status.info["seeds"] == [5, 6]
    assert (status.progress.step, status.progress.total) == (STEPS, STEPS)
    assert engine.results(status.token) == status.outputs


def test_the_info_is_complete_and_plain(make: Make) -> None:
    engine = make()
    info = ended(engine, ask(engine, wanted(seed=-1))).info
    assert {"mode", "seeds", "settings", "model", "steps", "elapsed_s", "extra"} <= set(info)
    assert info["settings"]["seed"] == info["seeds"][0] >= 0
    assert info["settings"]["guidance_scale"] is not None
    assert info["model"]["name"] == MODEL
    assert info["steps"] == STEPS


def test_batches_follow_one_another_with_seeds_that_count_on(make: Make) -> None:
    engine = make()
    status = ended(engine, ask(engine, wanted(batch_size=2, batch_count=2)))
    assert status.info["seeds"] == [5, 6, 7, 8]
    assert [output.index for output in status.outputs] == [0, 1, 2, 3]
    assert status.progress.total == 2 * STEPS
    assert status.outputs[3].record.settings["batch_count"] == 1


def test_progress_only_rises(make: Make) -> None:
    engine = make(0.01)
    token, seen = ask(engine, wanted(batch_count=2)), list[int]()
    status = engine.status(token)
    while status.state in ("queued", "running"):
        status = engine.wait(token, status.revision, 5.0)
        seen.append(status.progress.step)
    assert seen == sorted(seen)
    assert seen[-1] == 2 * STEPS


def test_tokens_cannot_be_guessed(make: Make) -> None:
    engine = make()
    tokens = {ask(engine, wanted()) for _ in range(3)}
    assert len(tokens) == 3
    assert min(map(len, tokens)) >= 32


def test_cancel_stops_a_running_job_at_once(make: Make) -> None:
    engine = make(FOREVER_S)
    token = running(engine, ask(engine, wanted()))
    started = time.monotonic()
    engine.cancel(token)
    engine.cancel(token)
    status = ended(engine, token)
    assert time.monotonic() - started < FOREVER_S / 2
    assert (status.state, status.outputs) == ("stopped", ())
    assert "Stopped" in str(status.error)
    engine.cancel(token)
    assert engine.status(token) == status


def test_a_run_of_several_is_passed_over_and_the_next_begins(make: Make) -> None:
    engine = make(FOREVER_S)
    token = running(engine, ask(engine, wanted(batch_count=3)))
    for part in range(3):
        until(engine, token, lambda now, part=part: now.part == part)
        assert engine.status(token).parts == 3
        engine.skip(token, part)
        engine.skip(token, part - 1)  # that one is over
    status = ended(engine, token)
    assert (status.state, status.outputs) == ("stopped", ())
    assert status.info["skipped"] == [0, 1, 2]


def test_the_only_run_of_a_job_cannot_be_passed_over(make: Make) -> None:
    engine = make(0.01)
    token = ask(engine, wanted(batch_size=2))
    engine.skip(token, 0)
    status = ended(engine, token)
    assert (status.state, len(status.outputs)) == ("done", 2)


def test_a_waiting_job_is_stopped_at_once_and_never_runs(make: Make) -> None:
    engine = make(FOREVER_S)
    first, second = ask(engine, wanted()), ask(engine, wanted())
    running(engine, first)
    engine.cancel(second)
    status = engine.status(second)
    assert (status.state, status.progress.step) == ("stopped", 0)
    assert engine.status(first).state == "running"


def test_what_is_finished_when_a_job_is_stopped_is_kept(make: Make) -> None:
    engine = make(0.05)
    token = ask(engine, wanted(batch_count=50))
    until(engine, token, lambda now: bool(now.outputs))
    engine.cancel(token)
    status = ended(engine, token)
    assert status.state == "stopped"
    assert 0 < len(status.outputs) < 50
    assert "kept" in str(status.error)


def test_a_token_that_is_not_known_is_told(make: Make) -> None:
    engine = make()
    for question in (
        lambda: engine.status("nothing"),
        lambda: engine.wait("nothing", 0, 1.0),
        lambda: engine.promote("nothing"),
        lambda: engine.touch("nothing"),
        lambda: engine.detach("nothing"),
        lambda: engine.results("nothing"),
        lambda: engine.file("nothing"),
    ):
        with pytest.raises(UnknownName, match="no longer known"):
            question()
    engine.cancel("nothing")
    assert engine.timeline("nothing") is None


def test_what_cannot_run_is_refused_before_it_is_queued(make: Make) -> None:
    engine = make()
    with pytest.raises(UnknownName, match=MODEL):
        ask(engine, wanted(model="nowhere"))
    with pytest.raises(UnknownName, match="no longer kept"):
        ask(engine, replace(wanted(), branch=Branch("nobody", 0)))
    with pytest.raises(UnknownName, match="no longer kept"):
        engine.submit(VideoRequest("nobody"))
    training = parse_training({"name": "mine", "model": MODEL, "caption": "a boat", "steps": 2})
    with pytest.raises(BadInput, match="pictures"):
        ask(engine, TrainLoraRequest(training, ()))


def test_an_owner_may_not_fill_the_queue(make: Make) -> None:
    engine = make(FOREVER_S, limits=Limits(waiting=2))
    running(engine, ask(engine, wanted(), "ada"))
    for _ in range(2):
        ask(engine, wanted(), "ada")
    with pytest.raises(QueueFull, match="2 jobs waiting"):
        ask(engine, wanted(), "ada")
    ask(engine, wanted(), "bob")


def test_only_the_last_jobs_that_ended_are_known(make: Make) -> None:
    engine = make(limits=Limits(ended=2))
    tokens = [ask(engine, wanted(steps=1)) for _ in range(4)]
    ended(engine, tokens[-1])
    with pytest.raises(UnknownName):
        engine.status(tokens[0])
    assert engine.timeline(tokens[0]) is None
    assert engine.status(tokens[-2]).state == "done"


def test_an_error_ends_one_job_with_a_sentence(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make()
    status = ended(engine, ask(engine, wanted("!crash")))
    assert status.state == "failed"
    assert "Something went wrong" in str(status.error)
    assert "secret" not in str(status.error)
    assert "secret" in caplog.text
    assert ended(engine, ask(engine, wanted())).state == "done"


@pytest.mark.parametrize("raised", [KeyError("seed"), SystemExit(3)], ids=["error", "exit"])
def test_an_error_in_what_is_told_of_a_job_ends_that_job_alone(
    make: Make, monkeypatch: pytest.MonkeyPatch, raised: BaseException
) -> None:
    def broken(*given: object) -> dict[str, object]:
        raise raised

    engine = make()
    with monkeypatch.context() as patch:
        patch.setattr(facts, "info", broken)
        status = ended(engine, ask(engine, wanted()))
    assert status.state == "failed"
    assert "Something went wrong" in str(status.error)
    assert ended(engine, ask(engine, wanted())).state == "done"


def test_results_are_saved(make: Make, tmp_path: Path) -> None:
    engine = make(storage=Storage(tmp_path))
    path = ended(engine, ask(engine, wanted())).outputs[0].path
    assert path is not None
    assert Path(path).is_file()
    unsaved = ended(engine, ask(engine, replace(wanted(), save=False)))
    assert unsaved.outputs[0].path is None


@pytest.mark.parametrize(
    "error", [StorageProblem("The disk is full; free some space."), OSError(5)]
)
def test_a_result_that_cannot_be_saved_harms_no_other(make: Make, error: Exception) -> None:
    class Full:
        def save_output(self, image: Pixels, record: Record, maker: Maker) -> Path:
            raise error

    engine = make(storage=Full())
    status = ended(engine, ask(engine, wanted()))
    if isinstance(error, StorageProblem):  # the picture is there, and saved once there is room
        assert status.state == "done"
        assert "full" in " ".join(status.info["notes"])
        assert [output.path for output in status.outputs] == [None] * len(status.outputs)
    else:
        assert status.state == "failed"
        assert "full" not in str(status.error)
    assert ended(engine, ask(engine, replace(wanted(), save=False))).state == "done"


def test_a_training_is_a_job_in_the_background(make: Make) -> None:
    engine = make()
    settings = parse_training(
        {
            "name": "mine",
            "model": MODEL,
            "caption": "a boat",
            "steps": 2,
            "rank": 2,
            "validation_every": 2,
        }
    )
    picture = CaptionedPicture("a.png", np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8))
    token = ask(engine, TrainLoraRequest(settings, (picture,)))
    status = ended(engine, token)
    assert status.state == "done", status.error
    assert status.progress.total == 2
    assert status.info["settings"]["name"] == "mine"
    assert status.info["training"]["lora"] == "mine"
    assert "mine" in [lora.name for lora in engine.library(refresh=True).loras]


def test_close_stops_everything(make: Make) -> None:
    engine = make(FOREVER_S)
    first, second = ask(engine, wanted()), ask(engine, wanted())
    running(engine, first)
    engine.close()
    assert [engine.status(token).state for token in (first, second)] == ["stopped", "stopped"]
    with pytest.raises(QueueFull, match="closing"):
        ask(engine, wanted())
