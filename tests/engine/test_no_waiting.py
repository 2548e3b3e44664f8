"""The denoising loop never waits for the device: nothing in a step reads a tensor's value.

`item()`, `float(tensor)`, `if tensor` and masks as indices make the host wait for a GPU. They can
be counted on any device, so they are counted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from torch.utils._python_dispatch import TorchDispatchMode

from backend.contracts.events import Output
from backend.contracts.requests import AnyRequest, Request
from backend.contracts.settings import (
    Img2ImgSettings,
    Settings,
    StyleTransferSettings,
    Txt2ImgSettings,
)
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.control import controlnet
from backend.models.manager import ModelManager
from backend.models.memory.devices import pick
from backend.modes import run_mode
from backend.modes.context import Context
from tests import jobs, lora_files
from tests.samplers import SCHEDULES_OF
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet

WAITS = ("_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select", "unique")
COMMON: dict[str, Any] = {
    "model": "tiny",
    "prompt": "a (red:1.2) house",
    "width": 64,
    "height": 64,
    "seed": 3,
}
LORAS = ({"name": "ink", "weight": 0.7}, {"name": "neon", "weight": -0.5})


class Waits(TorchDispatchMode):
    """Counts the calls of its thread that would wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in WAITS:
            self.found[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


class Counted:
    """An engine whose runs are counted."""

    def __init__(self, root: Path) -> None:
        catalog, target, self._waits = Catalog([root], FAMILIES), pick("cpu", "float32"), Waits()

        def load(name: str) -> Any:
            if name.startswith(controlnet.KEY):
                found = catalog.find("controlnet", name.removeprefix(controlnet.KEY))
                return controlnet.load_controlnet(found, target)
            return FAMILIES.load(catalog.checkpoint(name), target)

        self.engine = LocalEngine(
            catalog, ModelManager(load, 2**30), target, None, preview="fast", run=self._run
        )

    def _run(self, request: AnyRequest, context: Context) -> Iterator[Output]:
        with self._waits:
            yield from run_mode(request, context)

    def of(self, settings: Settings, **images: Any) -> Counter[str]:
        """What one run waits for."""
        self._waits.found.clear()
        status = jobs.ended(self.engine, ask(self.engine, Request(settings, images)))
        assert status.state == "done", status.error
        return self._waits.found.copy()

    def check(self, settings: Settings, **images: Any) -> None:
        """More steps wait for no more; the first run, which loads the models, is not looked at."""
        self.of(settings.model_copy(update={"steps": 2}), **images)
        few, many = (
            self.of(settings.model_copy(update={"steps": steps}), **images) for steps in (4, 9)
        )
        assert many == few


@pytest.fixture(scope="module")
def waits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny")
    (root / "loras").mkdir()
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    for seed, name in enumerate(("ink", "neon")):
        factors = lora_files.random_factors({"unet": unet}, lora_files.ATTENTION, seed=seed)
        lora_files.write(root / "loras" / f"{name}.safetensors", lora_files.peft_keys(factors))
    made = Counted(root)
    yield made
    made.engine.close()


@pytest.mark.parametrize("sampler", SCHEDULES_OF)
def test_no_sampler_waits(waits: Counted, sampler: str) -> None:
    common = {**COMMON, "sampler": sampler, "schedule": SCHEDULES_OF[sampler][0]}
    waits.check(Txt2ImgSettings(**common))


@pytest.mark.parametrize("extra", [
    {"loras": LORAS}, {"threshold_ratio": 0.995}, {"guidance_rescale": 0.7}, {"batch_size": 3},
])  # fmt: skip
def test_no_setting_waits(waits: Counted, extra: dict[str, Any]) -> None:
    waits.check(Txt2ImgSettings(**COMMON, **extra))


def test_a_picture_with_a_mask_does_not_wait(waits: Counted) -> None:
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[:, 32:] = 255
    waits.check(Img2ImgSettings(strength=1.0, **COMMON), image=house(), mask=mask)


def test_a_controlnet_does_not_wait(waits: Counted) -> None:
    waits.check(StyleTransferSettings(**COMMON), image=house())


def test_what_waits_is_counted() -> None:
    with Waits() as counted:
        x = torch.ones(3)
        assert float(x.sum()) == 3.0
        assert len(torch.nonzero(x)) == 3
    assert counted.found == {"_local_scalar_dense": 1, "nonzero": 1}
