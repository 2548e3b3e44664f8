"""Stable Diffusion 3 and 3.5 (2403.03206): folders of `StableDiffusion3Pipeline`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.contracts.capabilities import Capabilities
from backend.contracts.errors import ModelProblem
from backend.families.diffusers_folder import FolderKind
from backend.families.flow_folder import (
    CLIP_TOKENIZERS,
    SAMPLER,
    SCHEDULERS,
    T5_TOKENIZERS,
    FlowFolder,
    findings,
    inspect,
    scheduler_config,
)
from backend.families.stable_diffusion import factor_of
from backend.models.catalog.card import Card
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.traits import Traits
from backend.models.family import Findings

if TYPE_CHECKING:
    from torch import nn

    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

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
CAN = Capabilities(
    controlnet=False,
    attention=False,
    training=False,
    steps=STEPS,
    sampler=SAMPLER,
)


@dataclass(frozen=True)
class Sd3Family:
    """Medium and large, with T5 or without."""

    name: str = "sd3"
    kinds: tuple[str, ...] = (PIPELINE,)

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        if not path.is_dir() or not KIND.owns(path):
            return None
        found = inspect(path, KIND)
        _check(found)
        config = found.transformer
        patch = int(config.get("patch_size", 2))
        later = config.get("qk_norm") is not None  # 3.5 normalises queries and keys
        heads, width = config.get("num_attention_heads", 18), config.get("attention_head_dim", 64)
        positions = int(config.get("pos_embed_max_size", 96))
        return findings(
            found,
            family="sd3",
            title="SD 3.5" if later else "SD 3",
            width=int(heads) * int(width),
            patch=patch,
            most_px=min(2048, positions * patch * factor_of(found.vae)),
            can=CAN,
            tiny_decoder="taesd3",
            guidance_scale=GUIDANCE,
        )

    def kin(self, traits: Traits) -> None:
        """Files for them are told by their keys."""

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.families.sd3_loading import load  # torch is slow to import

        return load(info, target, tiny_decoder)

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`."""
        return scheduler_config(info)

    def tokenizer(self, info: ModelInfo) -> None:
        """Its encoders count differently; nothing is counted while one types."""
        return None

    def skeleton(self, info: ModelInfo) -> Mapping[str, nn.Module]:
        """See `Family.skeleton`."""
        from backend.families.sd3_loading import modules  # torch is slow to import

        return modules(info.path)


def _check(found: FlowFolder) -> None:
    """Whether the parts belong together.

    Raises:
        ModelProblem: They do not.
    """
    channels = found.vae.get("latent_channels", 4)
    if found.transformer.get("in_channels", 16) != channels:
        raise ModelProblem(
            f"The transformer takes {str(found.transformer.get('in_channels'))[:20]} channels, and "
            f"the autoencoder's latents have {channels}: they do not belong together."
        )
    pooled = sum(
        int(found.configs[each].get("projection_dim", 512))
        for each in ("text_encoder", "text_encoder_2")
    )
    if found.transformer.get("pooled_projection_dim", 2048) != pooled:
        raise ModelProblem(
            "The transformer takes other pooled prompts than its text encoders give: they do not "
            "belong together."
        )


SD3 = Sd3Family()
