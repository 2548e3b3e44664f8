"""A library to settle requests by."""

import numpy as np

from backend.contracts.library import (
    ControlNetEntry,
    Library,
    LoraEntry,
    ModelEntry,
    VaeEntry,
    Wildcard,
)
from backend.sampling.samplers import ENTRIES

PICTURE = np.zeros((64, 64, 3), np.uint8)
LIBRARY = Library(
    models=(
        ModelEntry("sea", native_size=(256, 320), guidance_scale=3.5),
        ModelEntry("land", native_size=(512, 512)),
        ModelEntry("torn", problem="Its unet is missing."),
    ),
    samplers=ENTRIES,
    loras=(
        LoraEntry("ink"),
        LoraEntry("grand", misfits={"sea": "It was made for SDXL; this is not."}),
        LoraEntry("oil"),
        LoraEntry("bad", problem="It is damaged."),
    ),
    controlnets=(
        ControlNetEntry("land-canny", detectors=("canny",), fits=("land",)),
        ControlNetEntry("sea-canny", detectors=("canny",), fits=("sea",)),
        ControlNetEntry(
            "sea-old",
            detectors=("canny",),
            fits=("land",),
            misfits={"sea": "It was made for version 1; this model is version 2."},
        ),
        ControlNetEntry("sea-broken", problem="It is damaged.", fits=("sea",)),
    ),
    vaes=(VaeEntry("soft"),),
    wildcards={
        "colour": Wildcard(("red", "green", "blue")),
        "style": Wildcard(("ink <lora:ink:0.5>",)),
    },
)
