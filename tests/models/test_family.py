"""The seam: a family that the product has never heard of runs through the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from backend.models.family import Family
from backend.models.memory.devices import pick
from backend.storage.outputs import Storage
from tests.gaussian_family import Gaussian
from tests.jobs import ended
from tests.tiny import tiny_checkpoint

MEAN, DEVIATION, SIDE = (0.3, -0.25, 0.0), 0.2, 24


def gaussian_folder(root: Path, name: str = "cloud", **changes: Any) -> Path:
    folder = root / "checkpoints" / name
    folder.mkdir(parents=True)
    config = {
        "_class_name": "GaussianModel",
        "mean": MEAN,
        "deviation": DEVIATION,
        "side_px": SIDE,
    }
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    gaussian_folder(root)
    tiny_checkpoint(root / "checkpoints" / "tiny")
    return root


@pytest.fixture(scope="module")
def engine(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    storage = Storage(tmp_path_factory.mktemp("data"))
    families = FAMILIES.joined(Gaussian())
    made = LocalEngine.create(
        [root], storage, device="cpu", dtype="float32", warm_up=None, families=families
    )
    yield made
    made.close()


def drawn(engine: LocalEngine, mode: str, images: dict[str, Any] | None = None, **values: Any):
    settings = parse(mode, {"model": "cloud", "seed": 5, "steps": 8, **values})
    token = ask(engine, Request(settings, images or {}))
    status = ended(engine, token)
    assert status.state == "done", status.error
    return engine.results(token)


def test_it_is_a_family() -> None:
    family: Family = Gaussian()
    assert family.name == "gaussian"


def test_the_catalog_tells_what_it_is(root: Path) -> None:
    catalog = Catalog([root], FAMILIES.joined(Gaussian()))
    info = catalog.checkpoint("cloud")
    assert (info.family, info.family_title, info.native_size) == ("gaussian", "Gaussian", (24, 24))
    assert info.guidance_scale == 1.0
    assert catalog.checkpoint("tiny").recognised_by == "sd"
    problem = next(i for i in Catalog([root], FAMILIES).models() if i.name == "cloud").problem
    assert problem == "The file cloud/model_index.json is missing."


def test_an_unknown_pipeline_is_refused_with_all_that_is_known(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "TransformerPipeline"}')
    with pytest.raises(ModelProblem, match=r"'TransformerPipeline'.*GaussianModel, .*StableDiff"):
        FAMILIES.joined(Gaussian()).recognise(tmp_path, Card())


def test_txt2img_draws_from_its_gaussian(engine: LocalEngine) -> None:
    (output,) = drawn(engine, "txt2img", sampler="heun", schedule="karras", steps=30)
    assert output.image.shape == (SIDE, SIDE, 3)
    pixels = output.image.reshape(-1, 3) / 127.5 - 1
    # 576 samples of each channel: mean and deviation are known to about a hundredth.
    assert np.allclose(pixels.mean(0), MEAN, atol=0.03)
    assert np.allclose(pixels.std(0), DEVIATION, atol=0.03)
    again = drawn(engine, "txt2img", sampler="heun", schedule="karras", steps=30)
    assert np.array_equal(again[0].image, output.image)
    assert output.record.settings["guidance_scale"] == 1.0


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m", "euler_a", "unipc"])
def test_any_size_of_its_own_grid_and_any_sampler(engine: LocalEngine, sampler: str) -> None:
    schedule = "karras" if sampler == "dpmpp_2m" else "model"
    (output,) = drawn(engine, "txt2img", sampler=sampler, schedule=schedule, width=17, height=9)
    assert output.image.shape == (9, 17, 3)


def test_img2img_keeps_to_the_picture_and_to_the_mask(engine: LocalEngine) -> None:
    picture = np.full((SIDE, SIDE, 3), 10, np.uint8)
    (weak,) = drawn(engine, "img2img", {"image": picture}, strength=0.13)
    (strong,) = drawn(engine, "img2img", {"image": picture}, strength=1.0)
    grey = np.array([np.mean(output.image) for output in (weak, strong)])
    assert grey[0] < grey[1]
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, 12:] = 255
    images = {"image": picture, "mask": mask}
    (half,) = drawn(engine, "img2img", images, strength=1.0, mask_blur=0)
    assert np.array_equal(half.image[:, :12], picture[:, :12])
    assert not np.array_equal(half.image[:, 12:], picture[:, 12:])


def test_its_steps_are_previewed(engine: LocalEngine) -> None:
    settings = parse("txt2img", {"model": "cloud", "seed": 1, "steps": 6})
    token = ask(engine, Request(settings))
    ended(engine, token)
    timeline = engine.timeline(token)
    assert timeline is not None
    assert timeline.steps == 6
    assert engine.timeline_frame(token, 5).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize(
    ("mode", "values", "field", "sentence"),
    [
        ("txt2img", {"prompt": "a boat"}, "prompt", "'cloud' reads no prompt"),
        ("txt2img", {"negative_prompt": "fog"}, "negative_prompt", "no negative prompt"),
        ("txt2img", {"guidance_scale": 7.0}, "guidance_scale", "has no guidance"),
        ("txt2img", {"width": 4}, "width", "from 8 to 512 px"),
        ("txt2img", {"height": 520}, "height", "from 8 to 512 px"),
        ("style_transfer", {}, "model", "ControlNet"),
    ],
)
def test_what_it_cannot_do_is_refused_by_a_sentence(
    engine: LocalEngine, mode: str, values: dict[str, Any], field: str, sentence: str
) -> None:
    settings = parse(mode, {"model": "cloud", **values})
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    with pytest.raises(BadInput, match=sentence) as refusal:
        ask(engine, Request(settings, {"image": picture} if mode != "txt2img" else {}))
    assert refusal.value.field == field


def test_it_is_loaded_by_the_registry_alone(root: Path) -> None:
    families = FAMILIES.joined(Gaussian())
    model = families.load(Catalog([root], families).checkpoint("cloud"), pick("cpu", "float32"))
    assert (model.vae_factor, model.latent_channels) == (1, 3)
    assert list(model.parts) == ["gaussian"]
    assert model.nbytes == 16
    x = torch.rand(2, 3, 4, 4) * 2 - 1
    assert torch.equal(model.codec.pixels(x), x)
    assert families.tokenizer(model.info) is None
    assert families.skeleton(model.info) is None
