"""What is drawn on the device that is not there: each pair of mode, memory, samples and patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from backend.contracts.clip import Clip, as_pictures
from backend.contracts.requests import AnyRequest, CaptionedPicture, Request, TrainLoraRequest
from backend.contracts.settings import (
    ClipSettings,
    Img2ImgSettings,
    LoraMixSettings,
    MorphSettings,
    Settings,
    StyleTransferSettings,
    Txt2ImgSettings,
    XyzGridSettings,
)
from backend.contracts.settings.loopback import LoopbackSettings
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.contracts.settings.train_lora import parse_training
from tests.tiny_control import house

MemoryKind = Literal["whole", "in turns"]
COMMON: dict[str, Any] = {
    "model": "tiny",
    "prompt": "a (red:1.2) house",
    "width": 64,
    "height": 64,
    "steps": 4,
    "seed": 3,
}
INK, NEON = {"name": "ink", "weight": 0.7}, {"name": "neon", "weight": -0.5}
LORAS: dict[str, Any] = {"loras": [INK, NEON]}
LOOPS: dict[str, Any] = {"loops": 2, "strength": 0.75}


@dataclass(frozen=True)
class Work:
    """One job.

    Attributes:
        mode: Its mode, and what is special of it.
        memory: Whether the device holds the model whole.
        samples: Pictures a batch.
        patch: What is put into or beside the model.
        request: The job.
        switches: LoRAs change from call to call: in turns that is a change in RAM, for which the
            device must have read the weights. Elsewhere it waits for nothing either.
        tolerance: How far a value may be from the CPU's, of 255.
    """

    mode: str
    memory: MemoryKind
    samples: int
    patch: str
    request: AnyRequest
    switches: bool = False
    tolerance: int = 1

    @property
    def name(self) -> str:
        """For the test's name and the table."""
        return f"{self.mode}, {self.memory}, {self.samples}, {self.patch}"


def _of(kind: type[Settings], images: dict[str, Any] | None = None, **values: Any) -> Request:
    return Request(kind.model_validate(COMMON | values), images or {}, save=False)


def _mask() -> np.ndarray:
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[:, 32:] = 255
    return mask


def _morph(method: str, **values: Any) -> Request:
    rest = {key: value for key, value in COMMON.items() if key != "prompt"}
    given = {"prompt_a": "a house", "prompt_b": "a boat", "frames": 3, "method": method}
    pictures = {"image_a": house(), "image_b": house()[:, ::-1].copy()}
    wanted = MorphSettings.model_validate(rest | given | values)
    return Request(wanted, pictures if method == "fine" else {}, save=False)


def _training() -> TrainLoraRequest:
    wanted = {
        "name": "mine",
        "model": "tiny",
        "caption": "a boat",
        "steps": 3,
        "rank": 2,
        "learning_rate": 1e-2,
        "validation_every": 0,
    }
    return TrainLoraRequest(parse_training(wanted), (CaptionedPicture("a.png", house(), ""),))


def _mix(**values: Any) -> LoraMixSettings:
    return LoraMixSettings.model_validate(COMMON | LORAS | values)


def pad(steps: int) -> Request:
    """A pad between two LoRAs, whose steps nobody is shown."""
    settings = LoraPadSettings.of(_mix(), grid=2, coarse_steps=steps)
    return Request(settings, save=False)


def footprint(steps: int) -> Request:
    """Where two LoRAs act, as maps; its steps are not shown either."""
    return Request(FootprintSettings.of(_mix(steps=steps)), save=False)


HOUSE: dict[str, Any] = {"image": house()}
CLIP = as_pictures(Clip(tuple(np.roll(house(), 4 * i, axis=1) for i in range(3)), 10))
MASKED: dict[str, Any] = {"image": house(), "mask": _mask()}
LIKE: dict[str, Any] = {"reference": 255 - house()}
REFERS: dict[str, Any] = {"reference_weight": 1.0}
ENDING: dict[str, Any] = {"loras": [{**INK, "end": 0.5}, NEON]}
WORK: tuple[Work, ...] = (
    Work("txt2img", "whole", 1, "plain", _of(Txt2ImgSettings)),
    Work("txt2img", "in turns", 3, "plain", _of(Txt2ImgSettings, batch_size=3)),
    Work("txt2img", "whole", 3, "LoRAs", _of(Txt2ImgSettings, batch_size=3, **LORAS)),
    Work("txt2img", "in turns", 1, "LoRAs", _of(Txt2ImgSettings, **LORAS)),
    Work("hires", "whole", 3, "plain", _of(Txt2ImgSettings, batch_size=3, hires_scale=1.5)),
    Work("hires", "in turns", 1, "LoRAs", _of(Txt2ImgSettings, hires_scale=1.5, **LORAS)),
    Work("img2img", "whole", 1, "LoRAs", _of(Img2ImgSettings, HOUSE, strength=0.8, **LORAS)),
    Work("img2img", "in turns", 3, "plain", _of(Img2ImgSettings, HOUSE, batch_size=3)),
    Work("reference", "whole", 3, "attention", _of(Txt2ImgSettings, LIKE, batch_size=3, **REFERS)),
    Work(
        "reference", "in turns", 1, "ControlNet", _of(StyleTransferSettings, HOUSE | LIKE, **REFERS)
    ),
    Work("seamless", "whole", 1, "plain", _of(Txt2ImgSettings, tiling="both", hires_scale=1.5)),
    Work(
        "seamless", "in turns", 3, "LoRAs", _of(Txt2ImgSettings, tiling="x", batch_size=3, **LORAS)
    ),
    Work("loopback", "whole", 1, "plain", _of(LoopbackSettings, HOUSE, **LOOPS)),
    Work(
        "loopback",
        "in turns",
        1,
        "LoRAs",
        _of(LoopbackSettings, HOUSE, **LOOPS, **LORAS),
    ),
    Work("inpaint", "in turns", 1, "LoRAs", _of(Img2ImgSettings, MASKED, **LORAS)),
    Work("inpaint", "whole", 3, "plain", _of(Img2ImgSettings, MASKED, batch_size=3)),
    Work(
        "inversion",
        "whole",
        1,
        "plain",
        _of(Img2ImgSettings, HOUSE, start_noise="inverted", sampler="ddim", schedule="model"),
    ),
    Work("style transfer", "whole", 1, "ControlNet", _of(StyleTransferSettings, HOUSE)),
    Work(
        "style transfer",
        "in turns",
        3,
        "ControlNet",
        _of(StyleTransferSettings, HOUSE, batch_size=3, control_mode="prompt"),
    ),
    Work(
        "style transfer",
        "whole",
        3,
        "ControlNet and LoRAs",
        _of(StyleTransferSettings, HOUSE, batch_size=3, **LORAS),
    ),
    Work("LoRA ends", "in turns", 1, "LoRAs", _of(Txt2ImgSettings, **ENDING), True),
    Work("LoRA ends", "whole", 3, "LoRAs", _of(Txt2ImgSettings, batch_size=3, **ENDING)),
    Work("LoRA mix", "whole", 3, "LoRAs", Request(_mix(compare=True, batch_size=3), save=False)),
    Work("LoRA mix", "in turns", 1, "LoRAs", Request(_mix(compare=True), save=False), True),
    Work("LoRA pad", "whole", 1, "LoRAs", pad(4)),
    Work("footprint", "in turns", 1, "LoRAs", footprint(4), True, 3),  # scaled to its largest value
    Work("morph, walk", "whole", 3, "plain", _morph("walk")),
    Work("morph, quick", "in turns", 3, "attention", _morph("quick")),
    Work("morph, fine", "whole", 3, "LoRAs", _morph("fine", lora_steps=2, lora_rank=2)),
    Work("clip", "whole", 3, "attention", _of(ClipSettings, CLIP, strength=0.8, control=False)),
    Work("clip", "in turns", 1, "ControlNet", _of(ClipSettings, CLIP, strength=0.8, attend="off")),
    Work(
        "X/Y/Z grid",
        "whole",
        1,
        "plain",
        _of(XyzGridSettings, x_field="steps", x_values="3, 4"),
    ),
)
"""Each two of mode, memory, samples and patch that go together stand in a row somewhere."""
TRAINING = _training()
