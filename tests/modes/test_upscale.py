"""Upscale through the engine: a small real upscaler, Lanczos, and a small random model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contracts.events import Output
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from backend.models.upscaler.upscaler import load_upscaler
from backend.pictures.fit import fit
from backend.pictures.tiles import in_tiles
from backend.storage.outputs import Storage
from tests.jobs import ended
from tests.tiny import tiny_checkpoint
from tests.upscalers import upscaler_file

CPU = pick("cpu", "float32")
SOURCE = np.random.default_rng(3).integers(0, 256, (48, 72, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    upscaler_file(root / "upscalers" / "sharp.safetensors", "Compact")
    return root


@pytest.fixture
def engine(models: Path, tmp_path: Path) -> Iterator[LocalEngine]:
    made = LocalEngine.create(
        [models], Storage(tmp_path), device="cpu", dtype="float32", warm_up=None
    )
    yield made
    made.close()


def request(branch: Branch | None = None, **values: Any) -> Request:
    given = {"seed": 3, "steps": 8, "guidance_scale": 2.0, "prompt": "a boat"} | values
    return Request(parse("upscale", given), {"image": SOURCE}, branch)


def run(engine: LocalEngine, branch: Branch | None = None, **values: Any) -> list[Output]:
    return list(ended(engine, ask(engine, request(branch, **values))).outputs)


def whole(models: Path, tile_px: int) -> np.ndarray:
    info = Catalog([models], FAMILIES).find("upscaler", "sharp")
    return in_tiles(SOURCE, 4, load_upscaler(info, CPU, CPU.device), tile_px)


def test_an_upscaler_at_its_own_scale_is_its_own_forward(engine: LocalEngine, models: Path) -> None:
    (output,) = run(engine, upscaler="sharp", factor=4.0, tile=0)
    assert (output.image == whole(models, 0)).all()
    assert output.record.model["name"] == "sharp"
    assert len(output.record.model["hash"]) == 10
    assert output.record.settings["model"] == ""
    assert output.record.settings["width"] == 288


def test_another_factor_is_brought_to_by_lanczos(engine: LocalEngine, models: Path) -> None:
    (output,) = run(engine, upscaler="sharp", factor=2.5, tile=64)
    assert output.image.shape == (120, 180, 3)
    assert (output.image == fit(whole(models, 64), 180, 120, "crop").image).all()
    (larger,) = run(engine, upscaler="sharp", factor=8.0, tile=0)  # two passes
    assert larger.image.shape == (384, 576, 3)


def test_lanczos_alone_loads_nothing(engine: LocalEngine) -> None:
    (output,) = run(engine, factor=3.0)
    assert (output.image == fit(SOURCE, 216, 144, "crop").image).all()
    assert engine.memory().residents == ()


def test_drawn_again_it_is_img2img_of_the_enlarged_picture(engine: LocalEngine) -> None:
    outputs = run(engine, strength=0.5, batch_size=2)
    larger = np.ascontiguousarray(fit(SOURCE, 144, 96, "crop").image)
    values = dict(outputs[0].record.settings)
    shared = {
        name: values[name]
        for name in ("prompt", "model", "seed", "steps", "guidance_scale", "width", "height")
    }
    settings = parse("img2img", shared | {"strength": 0.5, "batch_size": 2})
    wanted = ended(engine, ask(engine, Request(settings, {"image": larger}))).outputs
    for ours, theirs in zip(outputs, wanted, strict=True):
        assert (ours.image == theirs.image).all()
        assert ours.record.mode == "upscale"


def test_a_record_makes_its_picture_again(engine: LocalEngine) -> None:
    (output,) = run(engine, strength=0.5, upscaler="sharp")
    (again,) = run(engine, **output.record.settings)
    assert (again.image == output.image).all()
    assert output.record.extra["upscaler_hash"]
    assert output.record.extra["image_sha256"]
    second = run(engine, strength=0.5, upscaler="sharp", batch_size=2)[1]
    (alone,) = run(engine, **second.record.settings)
    assert np.abs(alone.image.astype(int) - second.image).max() <= 1  # other rows in a call


def test_a_branch_goes_on_from_a_step_of_the_drawing_again(engine: LocalEngine) -> None:
    token = ask(engine, request(strength=0.5))
    (first,) = ended(engine, token).outputs
    (same,) = run(engine, Branch(token, 1), **first.record.settings)
    assert (same.image == first.image).all()
    (other,) = run(engine, Branch(token, 1), **first.record.settings | {"prompt": "a red house"})
    assert (other.image != first.image).any()


def test_ways_are_compared_and_each_is_what_it_is_alone(engine: LocalEngine) -> None:
    compared = run(engine, compare=True, upscaler="sharp", strength=0.5, factor=2.0)
    assert [output.record.extra["compared"] for output in compared] == [
        "Lanczos",
        "sharp",
        "Lanczos, drawn again 0.5",
        "sharp, drawn again 0.5",
    ]
    assert [output.index for output in compared] == [0, 1, 2, 3]
    for output in compared:
        (alone,) = run(engine, **output.record.settings)
        assert (alone.image == output.image).all()


def test_hires_fix_takes_an_upscaler(engine: LocalEngine) -> None:
    def drawn(upscaler: str) -> np.ndarray:
        values = {"seed": 3, "steps": 4, "width": 64, "height": 64, "prompt": "a boat"}
        settings = parse("txt2img", values | {"hires_scale": 2.0, "hires_upscaler": upscaler})
        (output,) = ended(engine, ask(engine, Request(settings))).outputs
        return output.image

    assert drawn("sharp").shape == (128, 128, 3)
    assert (drawn("sharp") != drawn("lanczos")).any()
    assert (drawn("sharp") == drawn("sharp")).all()
