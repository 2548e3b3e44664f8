"""Steering through the engine: it pulls, and it can be gone on with.

Where it pulls to is told on a family whose pixels are Gaussian and decoded as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from backend.contracts.requests import Branch, Request
from backend.contracts.settings import Settings, parse
from backend.contracts.settings.colours import rgb
from backend.contracts.settings.steer import SteerFields
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.modes.steer import loss_of
from backend.storage.outputs import Storage
from tests import jobs
from tests.gaussian_family import Gaussian
from tests.models.test_family import gaussian_folder
from tests.tiny import tiny_checkpoint

BASE = {
    "prompt": "a red house",
    "model": "tiny",
    "steps": 6,
    "seed": 3,
    "width": 64,
    "height": 64,
    "guidance_scale": 3.0,
}
CLOUD = {"model": "cloud", "steps": 10, "seed": 3, "width": 64, "height": 64}
PULLED = {"steer": "blue", "steer_every": 2, "steer_scale": 3.0}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    gaussian_folder(root, deviation=0.7)
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
        families=FAMILIES.joined(Gaussian()),
    )
    yield engine
    engine.close()


def run(engine: LocalEngine, wanted: Settings, branch: Branch | None = None) -> np.ndarray:
    pictures = {"image": np.full((64, 64, 3), 90, np.uint8)} if wanted.mode == "img2img" else {}
    token = ask(engine, Request(wanted, images=pictures, branch=branch, save=False))
    status = jobs.ended(engine, token)
    assert status.state == "done", status.error
    return np.stack([output.image for output in status.outputs])


def loss(settings: Settings, picture: np.ndarray) -> float:
    assert isinstance(settings, SteerFields)
    rows = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255.0
    return float(loss_of(settings)(rows))


@pytest.mark.parametrize("mode", ["txt2img", "img2img"])
@pytest.mark.parametrize("through", ["fast", "full"])
@pytest.mark.parametrize(
    ("steer", "target"),
    [
        ("red", 0.9),
        ("blue", 0.9),
        ("colour", 0.0),
        ("brightness", 0.9),
        ("contrast", 0.9),
        ("saturation", 0.9),
        ("sharpness", 0.2),
        ("symmetry", 0.0),
        ("palette", 0.0),
        ("places", 0.0),
    ],
)
def test_the_picture_is_nearer_to_what_pulls(
    engine: LocalEngine, mode: str, through: str, steer: str, target: float
) -> None:
    wanted = PULLED | {"steer": steer, "steer_target": target, "steer_through": through}
    wanted |= {"steer_palette": "#e02020:3 #2020e0", "steer_places": "e02020 . / . 2020e0"}
    pulled = parse(mode, CLOUD | wanted)
    before = loss(pulled, run(engine, parse(mode, CLOUD))[0])
    assert loss(pulled, run(engine, pulled)[0]) < 0.9 * before


@pytest.mark.parametrize("through", ["fast", "full"])
def test_the_gradient_goes_through_a_real_decoder_too(engine: LocalEngine, through: str) -> None:
    pulled = parse("lora_mix", BASE | PULLED | {"steer": "brightness", "steer_through": through})
    plain = run(engine, parse("lora_mix", BASE))[0]
    assert not np.array_equal(run(engine, pulled)[0], plain)


def test_without_a_weight_it_is_the_plain_run_bit_for_bit(engine: LocalEngine) -> None:
    plain = run(engine, parse("txt2img", BASE))
    np.testing.assert_array_equal(
        run(engine, parse("txt2img", BASE | PULLED | {"steer_scale": 0.0})), plain
    )
    nowhere = parse("txt2img", BASE | PULLED | {"steer_start": 0.5, "steer_end": 0.5})
    np.testing.assert_array_equal(run(engine, nowhere), plain)


def test_a_batch_is_pulled_as_each_alone(engine: LocalEngine) -> None:
    both = run(engine, parse("txt2img", BASE | PULLED | {"batch_size": 2}))
    second = run(engine, parse("txt2img", BASE | PULLED | {"seed": 4}))[0]
    assert np.abs(both[1].astype(int) - second).max() <= 1


def test_a_branch_goes_on_under_the_same_pushes(engine: LocalEngine) -> None:
    wanted = parse("txt2img", BASE | PULLED)
    token = ask(engine, Request(wanted, save=False))
    whole = jobs.ended(engine, token).outputs[0].image
    for step in (1, 2):
        np.testing.assert_array_equal(run(engine, wanted, Branch(token, step))[0], whole)


def test_colours_are_read_as_shares() -> None:
    assert rgb("#ff8000") == (1.0, 128 / 255, 0.0)
