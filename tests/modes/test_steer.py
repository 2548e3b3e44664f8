"""Steering through the engine: it pulls, and it can be gone on with.

Where it pulls to is told on a family whose pixels are Gaussian and decoded as they are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from backend.contracts.requests import Branch, Request
from backend.contracts.settings import Settings, parse
from backend.contracts.settings.colours import rgb
from backend.contracts.settings.steer import Pull, SteerFields
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.modes.steer import loss_of
from backend.sampling import losses
from backend.sampling.steering import Steering, steered
from backend.sampling.types import Level
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
ROOT = Path(__file__).resolve().parents[2]
AIMS: dict[str, dict[str, Any]] = {
    "contrast": {"steer_target": 0.2},
    "saturation": {"steer_target": 0.1},
    "sharpness": {"steer_target": 0.05},
    "palette": {"steer_palette": "#203080:3 #e0a030:1"},
    "places": {"steer_places": "e02020 e02020 / 2040d0 2040d0"},
}
SD_DECODER: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
}
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
@pytest.mark.parametrize("through", ["auto", "fast"])
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


@pytest.fixture(scope="module")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    """The built-in model."""
    storage = Storage(tmp_path_factory.mktemp("pictures"))
    engine = LocalEngine.create([ROOT / "models"], storage, device="cpu", warm_up=None)
    yield engine
    engine.close()


def visibly(engine: LocalEngine, pull: str, least: float, **values: Any) -> None:
    """Scale 1 with all else as it stands takes at least that share of the loss away."""
    house = {"prompt": "a red house on grass", "seed": 7, "steps": 12} | values
    pulled = parse("txt2img", house | {"steer": pull} | AIMS.get(pull, {}))
    plain, picture = run(engine, parse("txt2img", house))[0], run(engine, pulled)[0]
    assert loss(pulled, picture) < (1 - least) * loss(pulled, plain)
    if pull in ("brightness", "blue"):
        moved = (picture.astype(float) - plain).mean(axis=(0, 1))
        assert moved[2 if pull == "blue" else 1] >= 20


def test_scale_1_shows_on_the_built_in_model(pocket: LocalEngine) -> None:
    visibly(pocket, "brightness", 0.3)


@pytest.mark.slow
@pytest.mark.parametrize("pull", get_args(Pull)[1:])
def test_scale_1_shows_for_every_loss(pocket: LocalEngine, pull: str) -> None:
    visibly(pocket, pull, 0.25, steps=20)


@pytest.mark.slow
def test_a_decoder_of_the_size_of_stable_diffusion_is_gone_through() -> None:
    """Random weights: the gradient is finite, and costs what one decode and its way back do."""
    torch.manual_seed(0)
    network = AutoencoderKL(**SD_DECODER).eval().requires_grad_(False)
    latents = torch.randn(1, 4, 16, 16)
    pull = Steering(losses.channel(2, 0.9), 1.0, 5, {1.0: 1.0})
    decoded: list[int] = []

    def decode(z: torch.Tensor) -> torch.Tensor:
        decoded.append(len(z))
        return network.decode(z / 0.18215, return_dict=False)[0] / 2 + 0.5

    level = Level.like(latents, 1.0, 0.0)
    made = steered(lambda x, level: x, decode, pull)(latents, level)
    assert decoded == [1]
    assert made.isfinite().all()
    assert not torch.equal(made, latents)
    begun = time.process_time()  # of the processor: what else runs does not count
    with torch.no_grad():
        decode(latents)
    alone, begun = time.process_time() - begun, time.process_time()
    steered(lambda x, level: x, decode, pull)(latents, level)
    assert time.process_time() - begun < 5 * alone
