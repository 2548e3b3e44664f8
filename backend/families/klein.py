"""Flux.2 Klein: folders of `Flux2KleinPipeline`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.families.diffusers_folder import FolderKind
from backend.families.flow_family import EvenFamily, Loading
from backend.families.flow_folder import (
    CAN,
    SCHEDULERS,
    FlowFolder,
    check_channels,
    findings,
    scheduler_config,
    width_of,
)
from backend.models.catalog.entry import ModelInfo
from backend.models.family import Findings

PIPELINE = "Flux2KleinPipeline"
KIND = FolderKind(
    frozenset({PIPELINE}),
    {
        "transformer": frozenset({"Flux2Transformer2DModel"}),
        "vae": frozenset({"AutoencoderKLFlux2"}),
        "scheduler": SCHEDULERS,
        "text_encoder": frozenset({"Qwen3ForCausalLM"}),
        "tokenizer": frozenset({"Qwen2Tokenizer", "Qwen2TokenizerFast"}),
    },
)
PATCH = 1  # its latents are squares of the autoencoder's already
# What diffusers' pipeline draws with; a distilled one needs few steps and has no guidance.
STEPS, GUIDANCE, DISTILLED_STEPS = 50, 4.0, 4


class KleinFamily(EvenFamily):
    """The distilled one and the base; the folder's index tells one from the other."""

    def described(self, path: Path, found: FlowFolder) -> Findings:
        """See `FlowFamily.described`."""
        check_channels(found, 128)
        distilled = bool(found.index.get("is_distilled", False))
        can = replace(CAN, steps=STEPS, separate_vae=False)
        if distilled:
            can = replace(can, steps=DISTILLED_STEPS, guidance="none", negative_prompt=False)
        return findings(
            found,
            family=self.name,
            title="Flux.2 Klein" if distilled else "Flux.2 Klein base",
            width=width_of(found.transformer, 48, 128),
            patch=PATCH,
            most_px=2048,
            can=can,
            tiny_decoder="",
            guidance_scale=1.0 if distilled else GUIDANCE,
        )

    def loading(self) -> Loading:
        """See `FlowFamily.loading`."""
        from backend.families import klein_loading

        return klein_loading

    def own_scheduler(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `EvenFamily.own_scheduler`."""
        return scheduler_config(info) | {"measured": True}


KLEIN = KleinFamily("flux2-klein", KIND, PATCH)
