"""Training as a job of the engine: its LoRA, its curve, stopping, resuming, stepping aside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import CaptionedPicture, Request, TrainLoraRequest
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.train_lora import parse_training
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.modes.loss_curve import MAX_POINTS, LossCurve
from backend.recipes.a1111 import parameters_text
from backend.resolve.prompt_loras import take_loras
from backend.storage.outputs import Storage
from tests.jobs import ended, until
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_checkpoint(root / "checkpoints" / "paints", in_channels=9)
    return root


@pytest.fixture(scope="module")
def engine(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    made = LocalEngine.create(
        [models],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
    )
    yield made
    made.close()


def picture(index: int, side: int = 64) -> CaptionedPicture:
    pixels = np.random.default_rng(index).integers(0, 255, (side, side, 3), dtype=np.uint8)
    return CaptionedPicture(f"{index}.png", pixels, "")


def training(count: int = 2, **values: Any) -> TrainLoraRequest:
    settings = {
        "name": "ink",
        "model": "tiny",
        "caption": "a boat, ink",
        "steps": 4,
        "validation_every": 2,
        "learning_rate": 1e-2,
        "rank": 2,
    }
    return TrainLoraRequest(
        parse_training(settings | values), tuple(picture(i) for i in range(count))
    )


def drawing(**values: Any) -> Request:
    settings = {"model": "tiny", "prompt": "a boat", "steps": 3, "seed": 1}
    return Request(Txt2ImgSettings.model_validate(settings | values), save=False)


def test_the_lora_is_there_at_once_and_draws(engine: LocalEngine) -> None:
    plain = ended(engine, ask(engine, drawing())).outputs[0].image
    status = ended(engine, ask(engine, training(name="a boat, ink")))
    assert status.state == "done", status.error
    told = status.info["training"]
    assert [step for step, _ in told["losses"]] == [1, 2, 3, 4]
    assert told["validated"] == [2, 4]
    assert told["lora"] == "a boat, ink"
    assert [o.record.extra["training_step"] for o in status.outputs] == [2, 4]
    assert not np.array_equal(status.outputs[0].image, status.outputs[1].image)
    assert status.progress.loss == pytest.approx(told["losses"][-1][1], abs=1e-6)
    assert "a boat, ink" in {lora.name for lora in engine.library().loras}
    used = drawing(loras=[{"name": "a boat, ink", "weight": 1.0}])
    assert not np.array_equal(ended(engine, ask(engine, used)).outputs[0].image, plain)
    assert np.array_equal(ended(engine, ask(engine, drawing())).outputs[0].image, plain)


def test_a_name_with_comma_and_colon_and_a_row_that_is_off(
    engine: LocalEngine, models: Path
) -> None:
    status = ended(engine, ask(engine, training(name="odd")))
    assert status.state == "done", status.error
    (models / "loras" / "odd.safetensors").rename(models / "loras" / "odd: one, two.safetensors")
    engine.library(refresh=True)
    plain = ended(engine, ask(engine, drawing())).outputs[0].image
    row = {"name": "odd: one, two", "weight": 2.0, "start": 0.0, "end": 1.0}
    on = ended(engine, ask(engine, drawing(loras=[row])))
    assert on.outputs[0].record.settings["loras"] == [row]
    assert not np.array_equal(on.outputs[0].image, plain)
    rows = [row | {"on": False}, {"name": "gone", "on": False}]
    off = ended(engine, ask(engine, drawing(loras=rows)))
    assert np.array_equal(off.outputs[0].image, plain)
    assert off.outputs[0].record.settings["loras"][0] == row | {"on": False}
    assert "odd" not in parameters_text(off.outputs[0].record)


def test_a_lora_named_in_the_prompt_acts_though_its_row_is_off() -> None:
    settings = drawing(
        prompt="a boat <lora:ink:0.4>", loras=[{"name": "ink", "weight": 2.0, "on": False}]
    ).settings
    (row,) = take_loras(settings).loras
    assert (row.weight, row.on) == (0.4, True)


def test_a_picture_goes_first_and_sees_the_plain_weights(engine: LocalEngine) -> None:
    plain = ended(engine, ask(engine, drawing())).outputs[0].image
    token = ask(engine, training(name="slow", steps=100_000, validation_every=0))
    until(engine, token, lambda now: now.progress.stage == "fitting")
    other = ask(engine, drawing())
    assert engine.status(other).position == 0
    assert np.array_equal(ended(engine, other).outputs[0].image, plain)
    assert engine.status(token).state == "running"
    engine.cancel(token)
    status = ended(engine, token)
    assert status.state == "stopped"
    assert "a checkpoint is kept" in (status.error or "")


def test_a_stopped_training_goes_on(engine: LocalEngine, models: Path) -> None:
    token = ask(engine, training(name="long", steps=100_000, validation_every=1))
    until(engine, token, lambda now: bool(now.outputs))
    engine.cancel(token)  # as likely as not while a picture is drawn
    done = ended(engine, token).progress.step
    resumed = training(name="long", steps=done + 2, validation_every=1, resume=True)
    status = ended(engine, ask(engine, resumed))
    assert status.state == "done", status.error
    assert status.info["training"]["validated"] == [done + 1, done + 2]
    assert (models / "loras" / "long.safetensors").is_file()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (training(0), "no pictures"),
        (training(101), "101 pictures are too many"),
        (training(name="none", resume=True), "no stopped training"),
        (training(model="paints"), "inpainting model"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    engine: LocalEngine, request_: TrainLoraRequest, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        ask(engine, request_)


def test_a_name_is_not_taken_twice(engine: LocalEngine, models: Path) -> None:
    (models / "loras").mkdir(exist_ok=True)
    (models / "loras" / "taken.safetensors").touch()
    with pytest.raises(BadInput, match="already; choose another name"):
        ask(engine, training(name="taken"))


def test_a_picture_of_one_pixel_is_named(engine: LocalEngine) -> None:
    request = training(name="dot")
    request = TrainLoraRequest(request.settings, (picture(0), picture(7, side=1)))
    status = ended(engine, ask(engine, request))
    assert status.state == "failed"
    assert "7.png is 1x1 px" in (status.error or "")


def test_a_loss_that_is_no_number_is_a_sentence(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.training.lora.math.isfinite", lambda _: False)
    status = ended(engine, ask(engine, training(name="bang")))
    assert status.state == "failed"
    assert "lower the learning rate" in (status.error or "")


def test_the_curve_keeps_every_loss_in_few_points() -> None:
    curve = LossCurve()
    for step in range(1, 5001):
        curve.add(step, float(step))
    assert len(curve.points) <= MAX_POINTS
    assert curve.points[-1][0] == 5000
    first_step, first = curve.points[0]
    assert first == pytest.approx((1 + first_step) / 2)


@pytest.mark.parametrize("name", ["", " x", ".x", "a/b", "a\\b", "a:b", "x."])
def test_a_name_is_the_name_of_a_file(name: str) -> None:
    with pytest.raises(BadInput, match=r"[Nn]ame"):
        parse_training({"name": name})
