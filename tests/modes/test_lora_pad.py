"""The pad and the footprint on a tiny model: each grid point is the picture of its weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Progress
from backend.contracts.requests import Request
from backend.contracts.settings import LoraMixSettings, Settings, Txt2ImgSettings
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.engine.jobs.asking import ask
from backend.engine.jobs.job import Job
from backend.engine.local.engine import LocalEngine
from backend.pictures.heat import heat_map
from backend.storage.outputs import Storage
from tests.modes.test_train_lora import ended, training
from tests.tiny import tiny_checkpoint

NAMES = ("a, b", "c", "d", "e")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    made = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
    )
    first = ended(made, ask(made, training(name="seed", steps=2, validation_every=0)))
    assert first.state == "done", first.error
    plain = load_file(root / "loras" / "seed.safetensors")
    for index, name in enumerate(NAMES):
        torch.manual_seed(index)
        other = {key: torch.randn_like(value) * 0.3 for key, value in plain.items()}
        save_file(other, root / "loras" / f"{name}.safetensors")
    made.library(refresh=True)
    yield made
    made.close()


def mix(count: int, **values: Any) -> LoraMixSettings:
    rows = [{"name": name, "weight": 1.0 + 0.25 * i} for i, name in enumerate(NAMES[:count])]
    return LoraMixSettings.model_validate(
        {
            "model": "tiny",
            "prompt": "a boat",
            "seed": 3,
            "steps": 4,
            "width": 64,
            "height": 64,
            "loras": rows,
            **values,
        }
    )


def run(engine: LocalEngine, settings: Settings) -> JobStatus:
    status = ended(engine, ask(engine, Request(settings, save=False), background=True))
    assert status.state == "done", status.error
    return status


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_point_of_the_grid_is_the_picture_of_its_weights(engine: LocalEngine, count: int) -> None:
    settings = LoraPadSettings.of(
        mix(count, sampler="ddim", schedule="model", eta=0.3), grid=3, coarse_steps=4
    )
    status = run(engine, settings)
    assert len(status.outputs) == {2: 3, 3: 7, 4: 9}[count]
    assert status.progress.step == status.progress.total
    for output in (status.outputs[0], status.outputs[-1], status.outputs[len(status.outputs) // 2]):
        x, y = output.record.extra["point"]
        exact = run(engine, settings.exact(x, y)).outputs[0].image
        assert np.abs(output.image.astype(int) - exact).max() <= 2
    assert len({output.image.tobytes() for output in status.outputs}) == len(status.outputs)


@pytest.mark.parametrize("together", [2, 4, 8])
def test_progress_counts_every_step_once(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """Also where the last batch has fewer points than the others."""
    told: list[tuple[int, int]] = []

    def report(job: Job, progress: Progress) -> None:
        if progress.stage == "sampling":
            told.append((progress.step, progress.total))
        plain(job, progress)

    plain = Job.report
    monkeypatch.setattr(Job, "report", report)
    monkeypatch.setattr("backend.modes.lora_pad.MOST_TOGETHER", together)
    settings = LoraPadSettings.of(mix(4), grid=3)
    pictures = len(run(engine, settings).outputs)
    batches = -(-pictures // together)
    assert pictures % together
    total = batches * settings.coarse_steps
    assert told == [(step + 1, total) for step in range(total)]


def test_shares_are_whole_and_the_corners_are_the_loras() -> None:
    for count in (2, 3, 4):
        settings = LoraPadSettings.of(mix(count))
        for x, y in settings.points:
            assert sum(settings.shares(x, y)) == pytest.approx(1.0)
        assert settings.shares(0, 0)[0] == 1
        assert settings.shares(1, 0)[1] == 1
        assert len(settings.points) == {2: 5, 3: 21, 4: 25}[count]
    corner = LoraPadSettings.of(mix(4)).exact(1, 1)
    assert [use.weight for use in corner.loras] == [0, 0, 0, 1.75]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"name": "c"}],
        [{"name": n} for n in "abcde"],
        [{"name": "c"}, {"name": "d", "on": False}],
    ],
)
def test_a_pad_has_two_to_four_corners(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(BadInput, match="two to four LoRAs that are on"):
        LoraPadSettings.of(mix(2, loras=rows))


def test_a_picture_goes_first_and_the_pad_goes_on(engine: LocalEngine) -> None:
    plain = Txt2ImgSettings.model_validate({"model": "tiny", "steps": 3, "seed": 1})
    alone = run(engine, plain).outputs[0].image
    settings = LoraPadSettings.of(mix(4, steps=150), grid=3, coarse_steps=30)
    undisturbed = run(engine, settings)
    token = ask(engine, Request(settings, save=False), background=True)
    while engine.status(token).progress.stage != "sampling":
        pass
    first = ended(engine, ask(engine, Request(plain, save=False)))
    assert np.array_equal(first.outputs[0].image, alone)
    assert engine.status(token).state == "running"
    for one, other in zip(ended(engine, token).outputs, undisturbed.outputs, strict=True):
        assert np.array_equal(one.image, other.image)


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "heun"])
def test_footprints_are_shares_of_the_change(engine: LocalEngine, sampler: str) -> None:
    rows = [
        {"name": NAMES[0], "weight": 1.0, "end": 0.5},
        {"name": NAMES[1], "weight": 0.5},
        {"name": NAMES[2], "weight": 0.0},
    ]
    drawn = mix(1, loras=rows, sampler=sampler)
    status = run(engine, FootprintSettings.of(drawn))
    early, weak, idle = status.info["footprint"]
    assert [one["name"] for one in (early, weak, idle)] == list(NAMES[:3])
    assert len(early["shares"]) == 4
    assert early["shares"][0] > weak["shares"][0] > 0
    assert early["shares"][2:] == [0, 0]
    assert weak["shares"][2:] == [1, 1]
    assert idle["shares"] == [0] * 4
    assert early["share"] + weak["share"] == pytest.approx(1.0, abs=1e-3)
    assert [o.record.extra["footprint"] for o in status.outputs] == list(NAMES[:3])
    assert status.outputs[0].image.shape == (64, 64, 3)
    assert not np.array_equal(status.outputs[0].image, status.outputs[1].image)


def test_without_loras_there_is_no_footprint() -> None:
    with pytest.raises(BadInput, match="without LoRAs"):
        FootprintSettings.of(mix(0))


def test_heat_is_bright_where_it_is_hot() -> None:
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 2.0
    grey = np.full((32, 32, 3), 128, np.uint8)
    shown = heat_map(grey, heat, 2.0).astype(int)
    assert shown[2, 2].sum() > shown[28, 28].sum() + 200
    assert np.ptp(heat_map(grey, heat, 0.0).reshape(-1, 3), axis=0).max() == 0


def test_prompts_side_by_side_are_those_of_the_exact_picture(engine: LocalEngine) -> None:
    told = mix(2, prompt="a boat AND a house :0.5", guidance_scale=3.0)
    settings = LoraPadSettings.of(told, grid=3, coarse_steps=4)
    point = run(engine, settings).outputs[-1]
    exact = settings.exact(*point.record.extra["point"])
    alone = run(engine, exact).outputs[0].image
    assert np.abs(alone.astype(int) - point.image).max() <= 2
    plain = run(engine, exact.model_copy(update={"prompt": "a boat"})).outputs[0].image
    assert np.abs(plain.astype(int) - alone).max() > 2
