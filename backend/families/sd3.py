"""Stable Diffusion 3 and 3.5 (2403.03206): folders of `StableDiffusion3Pipeline`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backend.contracts.errors import ModelProblem
from backend.families.diffusers_folder import FolderKind
from backend.families.flow_family import FlowFamily, Loading
from backend.families.flow_folder import (
    CAN,
    CLIP_TOKENIZERS,
    SCHEDULERS,
    T5_TOKENIZERS,
    FlowFolder,
    check_channels,
    findings,
    width_of,
)
from backend.families.stable_diffusion import factor_of
from backend.models.family import Findings

PIPELINE = "StableDiffusion3Pipeline"
CLIP = frozenset({"CLIPTextModelWithProjection"})
KIND = FolderKind(
    frozenset({PIPELINE}),
    {
        "transformer": frozenset({"SD3Transformer2DModel"}),
        "vae": frozenset({"AutoencoderKL"}),
        "scheduler": SCHEDULERS,
        "text_encoder": CLIP,
        "text_encoder_2": CLIP,
        "text_encoder_3": frozenset({"T5EncoderModel"}),
        "tokenizer": CLIP_TOKENIZERS,
        "tokenizer_2": CLIP_TOKENIZERS,
        "tokenizer_3": T5_TOKENIZERS,
    },
    may_lack=frozenset({"text_encoder_3", "tokenizer_3"}),
)
# What diffusers' pipeline draws with where it is told nothing.
STEPS, GUIDANCE = 28, 7.0


class Sd3Family(FlowFamily):
    """Medium and large, with T5 or without."""

    def described(self, path: Path, found: FlowFolder) -> Findings:
        """See `FlowFamily.described`."""
        _check(found)
        config = found.transformer
        patch = int(config.get("patch_size", 2))
        later = config.get("qk_norm") is not None  # 3.5 normalises queries and keys
        positions = int(config.get("pos_embed_max_size", 96))
        return findings(
            found,
            family=self.name,
            title="SD 3.5" if later else "SD 3",
            width=width_of(config, 18, 64),
            patch=patch,
            most_px=min(2048, positions * patch * factor_of(found.vae)),
            can=replace(CAN, steps=STEPS),
            tiny_decoder="taesd3",
            guidance_scale=GUIDANCE,
        )

    def loading(self) -> Loading:
        """See `FlowFamily.loading`."""
        from backend.families import sd3_loading

        return sd3_loading


def _check(found: FlowFolder) -> None:
    """Whether the parts belong together.

    Raises:
        ModelProblem: They do not.
    """
    check_channels(found, 16)
    pooled = sum(
        int(found.configs[each].get("projection_dim", 512))
        for each in ("text_encoder", "text_encoder_2")
    )
    if found.transformer.get("pooled_projection_dim", 2048) != pooled:
        raise ModelProblem(
            "The transformer takes other pooled prompts than its text encoders give: they do not "
            "belong together."
        )


SD3 = Sd3Family("sd3", KIND)
