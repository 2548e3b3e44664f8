"""Models whose autoencoder is of another factor and width than 8 and 4: sizes follow the model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import Output
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.traits import Traits
from backend.models.control import controlnet
from backend.storage.outputs import Storage
from tests.jobs import ended
from tests.tiny import tiny_checkpoint
from tests.tiny_control import tiny_controlnet

FACTORS = {"deep": (16, 16), "flat": (1, 4), "usual": (8, 4)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for name, (factor, channels) in FACTORS.items():
        folder = root / "checkpoints" / name
        side = max(8, 64 // factor)  # of the latents
        tiny_checkpoint(folder, sample_size=side, factor=factor, channels=channels)
        tiny_controlnet(folder, root / "controlnet" / f"{name}-canny")
    return root


@pytest.fixture(scope="module")
def engine(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    storage = Storage(tmp_path_factory.mktemp("data"))
    made = LocalEngine.create([root], storage, device="cpu", dtype="float32", warm_up=None)
    yield made
    made.close()


def drawn(engine: LocalEngine, mode: str, images: dict[str, Any], **values: Any) -> Output:
    values = {"seed": 3, "steps": 3, "prompt": "a red house", **values}
    token = ask(engine, Request(parse(mode, values), images))
    status = ended(engine, token)
    assert status.state == "done", status.error
    return engine.results(token)[0]


def test_what_they_are_is_told_before_they_are_loaded(root: Path) -> None:
    catalog = Catalog([root], FAMILIES)
    for name, (factor, channels) in FACTORS.items():
        anatomy = catalog.checkpoint(name).anatomy
        assert (anatomy.factor, anatomy.channels) == (factor, channels)
        assert anatomy.sizes.step_px == factor


def test_a_controlnet_must_halve_its_picture_as_often_as_the_autoencoder(root: Path) -> None:
    catalog = Catalog([root], FAMILIES)
    nets = {net.name: net for net in catalog.models("controlnet")}
    for name in FACTORS:
        fitting = [n for n, net in nets.items() if controlnet.fits(net, catalog.checkpoint(name))]
        assert fitting == [f"{name}-canny"]


@pytest.mark.parametrize("name", ["deep", "flat"])
def test_every_picture_mode_draws_at_the_models_own_grid(engine: LocalEngine, name: str) -> None:
    factor = FACTORS[name][0]
    height = 64 if factor > 1 else 16
    width = height + 4 * factor
    size = {"width": width, "height": height, "model": name}
    assert drawn(engine, "txt2img", {}, **size).image.shape == (height, width, 3)
    large = drawn(engine, "txt2img", {}, **size, hires_scale=1.3, hires_steps=2)
    high, wide = large.image.shape[:2]
    assert high % factor == 0
    assert wide % factor == 0
    assert abs(high - 1.3 * height) <= factor / 2
    picture = np.full((height, width, 3), 90, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    kept = height // 2
    mask[:, kept:] = 255
    images = {"image": picture, "mask": mask}
    painted = drawn(engine, "img2img", images, **size, strength=1.0, mask_blur=0).image
    assert np.array_equal(painted[:, :kept], picture[:, :kept])
    assert not np.array_equal(painted[:, kept:], picture[:, kept:])
    outpainted = drawn(engine, "img2img", {"image": picture}, **size, outpaint_left=16)
    assert outpainted.image.shape == (height, width + 16, 3)
    edges = drawn(engine, "style_transfer", {"image": picture}, **size)
    assert edges.record.settings["controlnet"] == f"{name}-canny"
    assert edges.image.shape == (height, width, 3)


def test_a_size_off_the_grid_is_refused(engine: LocalEngine) -> None:
    for name, side in (("deep", 72), ("usual", 66)):
        with pytest.raises(BadInput, match=rf"in steps of \d+ px; {side} is none of them"):
            drawn(engine, "txt2img", {}, model=name, width=side)
    odd = drawn(engine, "txt2img", {}, model="flat", width=19, height=17)
    assert odd.image.shape == (17, 19, 3)


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        (Traits(cross_width=768), "sd1"),
        (Traits(cross_width=1024), "sd2"),
        (Traits(cross_width=2048), "sdxl"),
        (Traits(cross_width=32), "sd"),
        (Traits(cross_width=768, text_encoders=2, said="sdxl_base"), "sd1"),  # shapes go first
        (Traits(cross_width=32, text_encoders=2), "sd"),
        (Traits(text_encoders=2, said="sd_v1"), "sdxl"),
        (Traits(text_encoders=1), ""),
        (Traits(said="stable-diffusion-v1/lora"), "sd1"),
        (Traits(said="sd_v2"), "sd2"),
        (Traits(said="sd_xl_base"), "sdxl"),
        (Traits(said="flux1"), ""),
        (Traits(), ""),
    ],
)
def test_traits_tell_whose_a_file_is(traits: Traits, name: str) -> None:
    assert FAMILIES.kin(traits).name == name
    assert bool(FAMILIES.kin(traits).title) == bool(name)
