"""Sliders that move along a clip: each frame is what it would be under its own values."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from backend.contracts.clip import Clip, as_pictures
from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import ClipSettings, LoraUse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.models.patches import PatchStack
from backend.modes import clip as mode
from backend.modes.clip.keyframes import FrameMix, Keyframes
from backend.modes.mixing import RunMix
from backend.storage.outputs import Storage
from tests import jobs
from tests import lora_files as files
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet

FRAMES = tuple(np.roll(house(), 4 * index, axis=1) for index in range(3))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny", seed=1)
    # Of the UNet alone: the text encoder takes a LoRA at its row's weight in every frame.
    parts = {"unet": UNet2DConditionModel.from_pretrained(folder / "unet")}
    factors = files.random_factors(parts, files.ATTENTION, seed=4, size=1.5)
    files.write(root / "loras" / "ink.safetensors", files.diffusers_keys(factors))
    data = tmp_path_factory.mktemp("data")
    engine = LocalEngine.create([root], Storage(data), device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def drawn(engine: LocalEngine, **values: Any) -> list[Pixels]:
    settings = ClipSettings.model_validate(
        {"prompt": "a red house", "model": "tiny", "steps": 4, "seed": 3, "guidance_scale": 4.0,
         "width": 64, "height": 64, "attend": "off", **values}
    )  # fmt: skip
    images = as_pictures(Clip(FRAMES, 10))
    status = jobs.ended(engine, ask(engine, Request(settings, images, save=False)), 90.0)
    assert status.state == "done", status.error
    return [output.image for output in status.outputs]


def lora(weight: float, **values: Any) -> dict[str, Any]:
    return {"loras": [{"name": "ink", "weight": weight, **values}]}


@pytest.mark.parametrize("chunk", [1, 2, 3])
@pytest.mark.parametrize(
    ("keys", "common", "alone"),
    [
        ("ink: 0=0, 1=1.4", lora(1.0), [lora(0.0), lora(0.7), lora(1.4)]),
        (
            "control_scale: 0=1.5; guidance_scale: 0=1, 1=9",
            {"control_scale": 0.5},
            [{"control_scale": 1.5, "guidance_scale": scale} for scale in (1.0, 5.0, 9.0)],
        ),
        (
            "ink: 0=1.4, 0.5=0.7",
            lora(0.0, start=0.5),  # a row at 0 moves too
            [lora(weight, start=0.5) for weight in (1.4, 0.7, 0.7)],
        ),
    ],
)
def test_each_frame_is_drawn_under_its_own_values(
    engine: LocalEngine,
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
    keys: str,
    common: dict[str, Any],
    alone: list[dict[str, Any]],
) -> None:
    monkeypatch.setattr(mode, "MOST_TOGETHER", chunk)
    made = drawn(engine, keyframes=keys, **common)
    wanted = [drawn(engine, **values)[index] for index, values in enumerate(alone)]
    still = drawn(engine, **common)
    for ours, theirs, plain in zip(made, wanted, still, strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 2
        assert np.abs(ours.astype(int) - plain).max() > 4


def test_what_does_not_move_has_no_values_of_its_own() -> None:
    settings = ClipSettings(keyframes="ink: 0=1, 1=0", frames=5)
    keys = Keyframes.of(settings)
    assert keys.values("ink", (4, 0, 2, -1)) == [0.0, 1.0, 0.5, 1.0]
    assert keys.values("control_scale", (0, 1)) is None
    assert Keyframes.of(settings.model_copy(update={"frames": 1})).values("ink", (0,)) == [1.0]


class Noting:
    """A mix in force, which notes what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def remix(self, mix: list[tuple[str, float]]) -> None:
        self.told.append([weight for _, weight in mix])

    def per_sample(self, weights: torch.Tensor) -> None:
        self.told.append([[round(weight, 3) for weight in row] for row in weights.tolist()])


def test_after_a_job_in_the_middle_the_frames_have_their_weights_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model: Any = SimpleNamespace(lora_parts={}, patches=PatchStack())
    uses = (LoraUse(name="ink", weight=0.5), LoraUse(name="neon", weight=0.7))
    keys = Keyframes.of(ClipSettings(keyframes="ink: 0=0, 1=1", frames=3))
    files: Any = ("ink", "neon")
    context: Any = None
    mix = FrameMix(model, files, uses, 4, context, keys)
    active: Any = Noting()
    monkeypatch.setattr(RunMix, "enter", lambda self: setattr(self, "_active", active))
    mix.enter()
    assert active.told == []
    mix.over((1, 2))
    mix.enter()
    assert active.told == [[[0.5, 0.7], [1.0, 0.7]]] * 2
    with mix.encoding():
        assert active.told[-1] == [0.5, 0.7]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"keyframes": "oil: 0=1"}, "'oil', which is no LoRA of this clip"),
        ({"keyframes": "control_scale: 0=1", "control": False}, "the edges are not kept"),
    ],
)
def test_keyframes_of_what_is_not_there_are_refused(
    engine: LocalEngine, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        drawn(engine, **values)
