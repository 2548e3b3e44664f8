"""Models that the device cannot hold whole: their pieces take turns, and draw the same pictures."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.events import JobStatus
from backend.contracts.requests import AnyRequest, CaptionedPicture, Request, TrainLoraRequest
from backend.contracts.settings import (
    Img2ImgSettings,
    LoraMixSettings,
    MorphSettings,
    Settings,
    StyleTransferSettings,
    Txt2ImgSettings,
)
from backend.contracts.settings.train_lora import parse_training
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.autoencoder.preview import PreviewKind
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.control import controlnet
from backend.models.lora import file as lora_file
from backend.models.lora.mix import LoraMixer
from backend.models.manager import ModelManager
from backend.models.memory import block_offload
from backend.models.memory.block_offload import Turns
from backend.models.memory.device_space import IN_TURNS, DeviceTier
from backend.models.memory.devices import Target, pick
from backend.models.memory.residency import Weights
from backend.storage.outputs import Storage
from tests import jobs, lora_files
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet

COMMON: dict[str, Any] = {
    "model": "tiny",
    "prompt": "a red house",
    "width": 64,
    "height": 64,
    "steps": 4,
    "seed": 3,
}
INK, NEON = {"name": "ink", "weight": 0.7, "end": 0.5}, {"name": "neon", "weight": -0.5}


@dataclass
class Device:
    """Clones stand for the copies; it counts the bytes that lie there at once."""

    size: int
    copied: int = 0
    held: int = 0
    most: int = 0

    def copy(self, tensor: torch.Tensor) -> torch.Tensor:
        made = tensor.clone(memory_format=torch.preserve_format)
        self.copied += 1
        self.held += made.nbytes
        self.most = max(self.most, self.held)
        weakref.finalize(made, self._left, made.nbytes)
        return made

    def _left(self, nbytes: int) -> None:
        self.held -= nbytes


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_controlnet(root / "checkpoints" / "tiny", root / "controlnet" / "tiny-canny")
    (root / "loras").mkdir()
    parts = FAMILIES.load(
        Catalog([root], FAMILIES).checkpoint("tiny"), pick("cpu", "float32")
    ).lora_parts
    for seed, name in enumerate(("ink", "neon")):
        factors = lora_files.random_factors(
            parts, (*lora_files.ATTENTION, *lora_files.TEXT), seed=seed, size=0.3
        )
        lora_files.write(root / "loras" / f"{name}.safetensors", lora_files.peft_keys(factors))
    return root


def started(
    models: Path, data: Path, device: Device | None, dtype: str, preview: PreviewKind = "fast"
) -> LocalEngine:
    """An engine whose weights have two places, or one without a `device`."""
    catalog, target = Catalog([models], FAMILIES), pick("cpu", dtype)

    def load(name: str) -> Checkpoint | controlnet.ControlNet:
        return loaded(catalog, target, name)

    tier = device and DeviceTier(device.size, device.copy, torch.device("cpu"))
    manager: ModelManager[Any] = ModelManager(load, 2**40, device=tier)
    return LocalEngine(catalog, manager, target, Storage(data), preview=preview)


def loaded(catalog: Catalog, target: Target, name: str) -> Checkpoint | controlnet.ControlNet:
    if name.startswith(controlnet.KEY):
        found = catalog.find("controlnet", name.removeprefix(controlnet.KEY))
        return controlnet.load_controlnet(found, target)
    return FAMILIES.load(catalog.checkpoint(name), target)


def of(settings: type[Settings], images: dict[str, Any] | None = None, **values: Any) -> Request:
    return Request(settings.model_validate(COMMON | values), images or {}, save=False)


WORK: dict[str, Request] = {
    "txt2img": of(Txt2ImgSettings, batch_size=2),
    "img2img": of(Img2ImgSettings, {"image": house()}, strength=0.6),
    "style transfer": of(StyleTransferSettings, {"image": house()}, loras=[INK]),
    "LoRAs": of(Txt2ImgSettings, loras=[INK, NEON]),
    "LoRAs by row": of(LoraMixSettings, compare=True, loras=[INK, NEON]),
    "fine morph": Request(
        MorphSettings(
            prompt_a="a house",
            prompt_b="a boat",
            frames=3,
            method="fine",
            lora_steps=3,
            lora_rank=2,
            **{key: value for key, value in COMMON.items() if key != "prompt"},
        ),
        {"image_a": house(), "image_b": house()[:, ::-1].copy()},
        save=False,
    ),
}


def run(engine: LocalEngine, request: AnyRequest) -> JobStatus:
    status = jobs.ended(engine, ask(engine, request))
    assert status.state == "done", status.error
    return status


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def whole(
    request: pytest.FixtureRequest, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, LocalEngine]]:
    engine = started(models, tmp_path_factory.mktemp("data"), None, request.param)
    yield request.param, engine
    engine.close()


@pytest.mark.parametrize("share", [0.6, 0.05])
def test_every_kind_of_work_gives_what_it_gives_on_a_large_device(
    models: Path, tmp_path: Path, whole: tuple[str, LocalEngine], share: float
) -> None:
    """With room for some of the pieces, and with room for none: then one is there at a time."""
    dtype, large = whole
    size = FAMILIES.load(Catalog([models], FAMILIES).checkpoint("tiny"), pick("cpu", dtype)).nbytes
    device = Device(int(share * size))
    engine = started(models, tmp_path, device, dtype)
    try:
        for name, request in WORK.items():
            expected, status = run(large, request), run(engine, request)
            for ours, theirs in zip(status.outputs, expected.outputs, strict=True):
                assert np.array_equal(ours.image, theirs.image), name
            assert IN_TURNS in status.info["notes"], name
        # The base is left as it was, in RAM too.
        again = run(engine, WORK["txt2img"])
        first = run(large, WORK["txt2img"])
        assert np.array_equal(again.outputs[0].image, first.outputs[0].image)
    finally:
        engine.close()
    assert device.copied


def test_the_device_holds_no_more_than_its_budget(models: Path, tmp_path: Path) -> None:
    size = FAMILIES.load(
        Catalog([models], FAMILIES).checkpoint("tiny"), pick("cpu", "float32")
    ).nbytes
    device = Device(int(0.6 * size))
    engine = started(models, tmp_path, device, "float32", preview="full")
    try:
        run(engine, WORK["txt2img"])
        copied, device.copied = device.copied, 0
        assert device.most <= device.size
        run(engine, WORK["txt2img"])
        # Blocks that fit stay from step to step: no run copies the whole UNet at every one.
        assert device.copied <= copied
    finally:
        engine.close()


def test_a_lora_is_trained_while_the_unet_stays(models: Path, tmp_path: Path) -> None:
    """Its layers hang on the UNet's, which may not leave under them."""
    found: list[bytes] = []
    for device in (None, Device(1)):
        folder = tmp_path / str(len(found))
        engine = started(models, folder, device, "float32")
        wanted = parse_training(
            {
                "name": f"mine-{len(found)}",
                "model": "tiny",
                "caption": "a boat",
                "steps": 3,
                "rank": 2,
                "learning_rate": 1e-2,
                "validation_every": 2,
            }
        )
        picture = CaptionedPicture("a.png", house(), "")
        try:
            run(engine, TrainLoraRequest(wanted, (picture,)))
            found.append(
                run(engine, of(Txt2ImgSettings, loras=[{"name": wanted.name}]))
                .outputs[0]
                .image.tobytes()
            )
        finally:
            engine.close()
    assert found[0] == found[1]


def test_a_mix_that_stays_the_same_sends_nothing_home(models: Path) -> None:
    """Per step, and per model call in a fine morph: only weights that change must be in RAM."""
    catalog, device = Catalog([models], FAMILIES), Device(0)
    model = FAMILIES.load(catalog.checkpoint("tiny"), pick("cpu", "float32"))
    unet = model.network.model
    weights = Weights(unet, model.blocks["unet"])
    block_offload.begin(
        model.patches,
        unet,
        Turns(weights, torch.device("cpu"), lambda _, piece: piece.attach(device.copy)),
    )
    ink = lora_file.read(models / "loras" / "ink.safetensors")
    with LoraMixer(model.lora_parts, model.patches).applied([(ink, 0.5)]) as active:
        for change in (
            lambda: active.remix([(ink, 0.5)]),
            lambda: active.per_sample(torch.tensor([[0.2], [0.8]])),
        ):
            change()
            block_offload.bring(model.patches, unet)
            copied = device.copied
            change()
            block_offload.bring(model.patches, unet)
            assert device.copied == copied
        active.remix([(ink, 0.6)])
        assert weights.device_bytes == 0
