"""Chroma: folders of `ChromaPipeline`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backend.families.diffusers_folder import FolderKind
from backend.families.flow_family import EvenFamily, Loading
from backend.families.flow_folder import (
    CAN,
    PACK,
    SCHEDULERS,
    T5_TOKENIZERS,
    FlowFolder,
    check_channels,
    findings,
    width_of,
)
from backend.models.family import Findings

PIPELINE = "ChromaPipeline"
KIND = FolderKind(
    frozenset({PIPELINE}),
    {
        "transformer": frozenset({"ChromaTransformer2DModel"}),
        "vae": frozenset({"AutoencoderKL"}),
        "scheduler": SCHEDULERS,
        "text_encoder": frozenset({"T5EncoderModel"}),
        "tokenizer": T5_TOKENIZERS,
    },
)
STEPS, GUIDANCE = 35, 5.0  # what diffusers' pipeline draws with


class ChromaFamily(EvenFamily):
    """Flux.1 schnell without CLIP, with guidance by a second call."""

    def described(self, path: Path, found: FlowFolder) -> Findings:
        """See `FlowFamily.described`."""
        check_channels(found, 64, PACK**2)
        return findings(
            found,
            family=self.name,
            title="Chroma",
            width=width_of(found.transformer, 24, 128),
            patch=PACK,
            most_px=2048,
            # In a mask it drew something else than diffusers does; why is not known.
            can=replace(CAN, steps=STEPS, mask=False),
            tiny_decoder="taef1",
            guidance_scale=GUIDANCE,
        )

    def loading(self) -> Loading:
        """See `FlowFamily.loading`."""
        from backend.families import chroma_loading

        return chroma_loading


CHROMA = ChromaFamily("chroma", KIND)
