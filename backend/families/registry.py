"""The families that this studio has; a new one is added here."""

from __future__ import annotations

from typing import Final

from backend.families.deepfloyd import DEEPFLOYD
from backend.families.instruct import INSTRUCT
from backend.families.latent import LATENT
from backend.families.pixels import PIXELS
from backend.families.sd import SD
from backend.families.sdxl import SDXL
from backend.families.x4 import X4
from backend.models.family import Registry

FAMILIES: Final = Registry((PIXELS, LATENT, DEEPFLOYD, SDXL, X4, INSTRUCT, SD))
