"""The families that this studio has; a new one is added here."""

from __future__ import annotations

from typing import Final

from backend.families.chroma import CHROMA
from backend.families.codes import CODES_FAMILY
from backend.families.deepfloyd import DEEPFLOYD
from backend.families.flux import FLUX
from backend.families.instruct import INSTRUCT
from backend.families.klein import KLEIN
from backend.families.latent import LATENT
from backend.families.pixels import PIXELS
from backend.families.qwen_image import QWEN_IMAGE
from backend.families.sd import SD
from backend.families.sd3 import SD3
from backend.families.sdxl import SDXL
from backend.families.x4 import X4
from backend.families.zimage import ZIMAGE
from backend.models.family import Registry

_FLOW: Final = (SD3, FLUX, ZIMAGE, QWEN_IMAGE, KLEIN, CHROMA)
FAMILIES: Final = Registry(
    (PIXELS, CODES_FAMILY, LATENT, DEEPFLOYD, *_FLOW, SDXL, X4, INSTRUCT, SD)
)
