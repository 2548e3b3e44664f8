"""Qwen-Image: folders of `QwenImagePipeline`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backend.families.diffusers_folder import FolderKind
from backend.families.flow_family import EvenFamily, Loading
from backend.families.flow_folder import (
    CAN,
    PACK,
    SCHEDULERS,
    FlowFolder,
    check_channels,
    findings,
    width_of,
)
from backend.models.family import Findings

PIPELINE = "QwenImagePipeline"
KIND = FolderKind(
    frozenset({PIPELINE}),
    {
        "transformer": frozenset({"QwenImageTransformer2DModel"}),
        "vae": frozenset({"AutoencoderKLQwenImage"}),
        "scheduler": SCHEDULERS,
        "text_encoder": frozenset({"Qwen2_5_VLForConditionalGeneration"}),
        "tokenizer": frozenset({"Qwen2Tokenizer", "Qwen2TokenizerFast"}),
    },
)
STEPS, GUIDANCE = 50, 4.0  # what diffusers' pipeline draws with


class QwenImageFamily(EvenFamily):
    """Its guidance keeps the norm of each token's velocity."""

    def described(self, path: Path, found: FlowFolder) -> Findings:
        """See `FlowFamily.described`."""
        check_channels(found, 64, PACK**2)
        return findings(
            found,
            family=self.name,
            title="Qwen-Image",
            width=width_of(found.transformer, 24, 128),
            patch=PACK,
            most_px=2048,
            can=replace(CAN, steps=STEPS, separate_vae=False),
            tiny_decoder="",
            guidance_scale=GUIDANCE,
        )

    def loading(self) -> Loading:
        """See `FlowFamily.loading`."""
        from backend.families import qwen_image_loading

        return qwen_image_loading


QWEN_IMAGE = QwenImageFamily("qwen-image", KIND)
