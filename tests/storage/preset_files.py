"""Presets as files hold them, for their tests."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from backend.contracts.settings import Img2ImgSettings, LoraUse, Txt2ImgSettings
from backend.pictures.packing import pack
from backend.storage.presets import MAX_PICTURES_BYTES

SETTINGS = Txt2ImgSettings(
    prompt="ein grünes Haus", steps=9, seed=4, loras=(LoraUse(name="ink", weight=0.5),)
)


RNG = np.random.default_rng(0)
PICTURES = {
    "image": RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8),
    "mask": RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8),
}
FILES = pack(PICTURES, MAX_PICTURES_BYTES).files
GUIDED = Img2ImgSettings(prompt="a harbour", strength=0.4)


def document(**changes: Any) -> dict[str, Any]:
    return {"schema": 1, "name": "Sea", "mode": "txt2img", "settings": {"steps": 8}, **changes}


def with_pictures(**pictures: Any) -> bytes:
    return json.dumps(document(mode="img2img", pictures=pictures)).encode()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
