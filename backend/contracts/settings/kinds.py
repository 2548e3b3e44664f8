"""The words and ranges that settings are written in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
)

MAX_SEED = 2**64 - 1
MAX_DRAWN_SEED = 2**32 - 1
"""The noise of a larger seed is that of seed mod 2**32: torch's CPU generator takes no more."""
MAX_PROMPT_CHARS = 20_000
MAX_CELLS = 256
MAX_STEPS = 1000  # of training, in most models
VARIANCE_TITLES: dict[str, str] = {"eta": "by eta", "sigma_hat": "sigma hat"}
SCHEDULE_TITLES: dict[str, str] = {
    "model": "model's own",
    "karras": "Karras",
    "ays": "AYS",
}
Variance = Literal["eta", "sigma_hat"]
MaskedContent = Literal["original", "latent_noise", "fill"]
ResizeMode = Literal["crop", "pad", "stretch"]
ControlMode = Literal["balanced", "prompt", "control"]
StartFrom = Literal["noise", "picture"]
StartNoise = Literal["fresh", "inverted"]
MorphMethod = Literal["walk", "quick", "fine"]
EvenSpacing = Literal["insert", "rerun", "off"]
Easing = Literal["linear", "smooth"]
TextPath = Literal["lerp", "slerp"]
Attend = Literal["off", "first", "previous", "first_previous", "bank"]
FrameNoise = Literal["same", "own"]
GridMode = Literal["txt2img", "img2img", "style_transfer", "lora_mix"]
MorphFormat = Literal["mp4", "gif", "webp", "zip", "sheet"]
FileFormat = Literal["png", "jpeg", "webp"]
FORMAT_TITLES: dict[str, str] = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
DetectorName = Literal[
    "canny",
    "identity",
    "lineart_standard",
    "shuffle",
    "softedge_hed",
    "softedge_pidinet",
    "lineart",
    "lineart_anime",
    "depth_midas",
    "normal_bae",
    "mlsd",
    "openpose",
]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
# Strict, because the check against text for numbers does not reach into a list.
FractionItem = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]
MAX_SIDE_PX = 16_384  # of any picture; what a model draws is its own
Margin = Annotated[int, Field(ge=0, le=1024)]
Size = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
Seed = Annotated[int, Field(ge=-1, le=MAX_SEED)]
UpscalerName = Annotated[str, Field(min_length=1, max_length=200)]
Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARS)]
Name = Annotated[str, Field(min_length=1, max_length=60)]
AxisName = Annotated[str, Field(max_length=220)]
AxisText = Annotated[str, Field(max_length=4_000)]


def seed_after(seed: int, ahead: int) -> int:
    """A seed counted on: it wraps at 2**32, a larger one at 2**64, where its noise does too."""
    return (seed + ahead) % ((MAX_DRAWN_SEED if seed <= MAX_DRAWN_SEED else MAX_SEED) + 1)
