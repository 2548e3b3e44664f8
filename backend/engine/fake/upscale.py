"""What the stand-in makes of a picture that is to become larger."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import UpscaleSettings
from backend.contracts.settings.upscale import LANCZOS
from backend.engine.fake import picture as fake_picture
from backend.pictures.fit import fit

TILES = 6  # that an upscaler seems to take
DIFFUSED = 0.1  # how much a diffusion upscaler seems to invent


def steps(settings: UpscaleSettings) -> int:
    """Steps of all stages; a one-pass upscaler's tiles, where nothing is drawn."""
    again = settings.redrawing.model_steps(settings.strength) if settings.redraws else 0
    if settings.diffuses:
        return settings.upscaler_steps + again
    return again or TILES


def frame(request: Request, image: int) -> Pixels:
    """One picture of a run: Lanczos, sharpened where an upscaler is named, and drawn into."""
    settings = request.settings
    assert isinstance(settings, UpscaleSettings)
    way = settings.variants[image if settings.compare else 0]
    width, height = settings.drawn_size
    larger = fit(request.images["image"], width, height, "crop").image
    if way.upscaler != LANCZOS:
        larger = np.asarray(Image.fromarray(larger).filter(ImageFilter.UnsharpMask(2, 120)))
    if way.diffuses:
        seed = settings.image_seed(0 if settings.compare else image)
        drawn = fake_picture.draw(settings.prompt, seed, width, height).astype(float)
        larger = np.rint(larger + DIFFUSED * (drawn - larger)).astype(np.uint8)
    if way.strength == 0:
        return larger
    seed = settings.image_seed(0 if settings.compare else image)
    drawn = fake_picture.draw(settings.prompt, seed, width, height).astype(float)
    return np.rint(larger + way.strength * (drawn - larger)).astype(np.uint8)
