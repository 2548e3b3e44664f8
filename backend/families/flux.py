"""Flux.1 (dev and schnell): folders of `FluxPipeline`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.contracts.capabilities import Capabilities
from backend.contracts.errors import ModelProblem
from backend.families.beside import Kind, Wanted, find
from backend.families.diffusers_folder import FolderKind
from backend.families.flow_family import FlowFamily, Loading
from backend.families.flow_file import (
    FLUX_MARK,
    config_of,
    flux_config,
    shapes_of,
    told,
    vae_of,
)
from backend.families.flow_folder import (
    CLIP_TOKENIZERS,
    SAMPLER,
    SCHEDULERS,
    T5_TOKENIZERS,
    FlowFolder,
    findings,
    scheduler_config,
)
from backend.models.catalog.entry import ModelInfo
from backend.models.family import Findings

PIPELINE = "FluxPipeline"
KIND = FolderKind(
    frozenset({PIPELINE}),
    {
        "transformer": frozenset({"FluxTransformer2DModel"}),
        "vae": frozenset({"AutoencoderKL"}),
        "scheduler": SCHEDULERS,
        "text_encoder": frozenset({"CLIPTextModel"}),
        "text_encoder_2": frozenset({"T5EncoderModel"}),
        "tokenizer": CLIP_TOKENIZERS,
        "tokenizer_2": T5_TOKENIZERS,
    },
)
PACK = 2  # latent positions to the side of a token
# What diffusers' pipeline draws with where it is told nothing; schnell's card says 4 steps.
STEPS, TOLD, SCHNELL_STEPS = 28, 3.5, 4
# Of the autoencoder and the scheduler, which no file tells.
SCALING, SHIFT = 0.3611, 0.1159
FILE_SCHEDULER = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 1.0}
CAN = Capabilities(
    controlnet=False,
    attention=False,
    training=False,
    steps=SCHNELL_STEPS,
    sampler=SAMPLER,
)


class FluxFamily(FlowFamily):
    """dev is told a guidance scale; schnell is told none. Both take a second pass as well."""

    def in_file(self, path: Path) -> FlowFolder | None:
        """See `FlowFamily.in_file`."""
        shapes = shapes_of(path, FLUX_MARK)
        if shapes is None:
            return None
        config = config_of(path, shapes, flux_config)
        parts = beside(path, config)
        return told(path, config, vae_of(parts["vae"], SCALING, SHIFT), parts)

    def described(self, path: Path, found: FlowFolder) -> Findings:
        """See `FlowFamily.described`."""
        _check(found)
        config = found.transformer
        distilled = bool(config.get("guidance_embeds", False))
        heads, width = config.get("num_attention_heads", 24), config.get("attention_head_dim", 128)
        return findings(
            found,
            family=self.name,
            title="Flux.1 dev" if distilled else "Flux.1 schnell",
            width=int(heads) * int(width),
            patch=PACK,
            most_px=2048,
            can=replace(CAN, steps=STEPS, distilled=True) if distilled else CAN,
            tiny_decoder="taef1",
            guidance_scale=1.0,
        )

    def loading(self) -> Loading:
        """See `FlowFamily.loading`."""
        from backend.families import flux_loading

        return flux_loading

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`; its pipeline begins at noise alone, in even steps."""
        if info.path.is_file():
            config = FILE_SCHEDULER | {"use_dynamic_shifting": info.anatomy.can.distilled}
        else:
            config = scheduler_config(info)
        return config | {"spacing": "trailing", "patch": PACK}


def beside(path: Path, config: Mapping[str, Any]) -> dict[Kind, Path]:
    """The parts that a single file needs; raises as `find`."""
    wanted = (
        Wanted("clip", int(config["pooled_projection_dim"])),
        Wanted("t5", int(config["joint_attention_dim"])),
        Wanted("t5 tokenizer"),
        Wanted("vae", int(config["in_channels"]) // PACK**2),
    )
    return find(path, wanted, "Flux.1")


def _check(found: FlowFolder) -> None:
    """Whether transformer and autoencoder belong together.

    Raises:
        ModelProblem: They do not.
    """
    channels = int(found.vae.get("latent_channels", 4))
    seen = found.transformer.get("in_channels", 64)
    if seen != channels * PACK**2:
        raise ModelProblem(
            f"The transformer takes {str(seen)[:20]} channels, and four positions of the "
            f"autoencoder's latents have {channels * PACK**2}: they do not belong together."
        )


FLUX = FluxFamily("flux", KIND)
