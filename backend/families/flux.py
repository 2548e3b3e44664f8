"""Flux.1 (dev and schnell): folders of `FluxPipeline`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.families.beside import Kind, Wanted, find
from backend.families.diffusers_folder import FolderKind
from backend.families.flow_family import EvenFamily, Loading
from backend.families.flow_file import (
    FLUX_MARK,
    config_of,
    flux_config,
    shapes_of,
    told,
    vae_of,
)
from backend.families.flow_folder import (
    CAN,
    CLIP_TOKENIZERS,
    PACK,
    SCHEDULERS,
    T5_TOKENIZERS,
    FlowFolder,
    check_channels,
    findings,
    scheduler_config,
    width_of,
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
# What diffusers' pipeline draws with where it is told nothing; schnell's card says 4 steps.
STEPS, TOLD, SCHNELL_STEPS = 28, 3.5, 4
# Of the autoencoder and the scheduler, which no file tells.
SCALING, SHIFT = 0.3611, 0.1159
FILE_SCHEDULER = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 1.0}


class FluxFamily(EvenFamily):
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
        check_channels(found, 64, PACK**2)
        config = found.transformer
        distilled = bool(config.get("guidance_embeds", False))
        can = replace(CAN, steps=STEPS if distilled else SCHNELL_STEPS, distilled=distilled)
        return findings(
            found,
            family=self.name,
            title="Flux.1 dev" if distilled else "Flux.1 schnell",
            width=width_of(config, 24, 128),
            patch=PACK,
            most_px=2048,
            can=can,
            tiny_decoder="taef1",
            guidance_scale=1.0,
        )

    def loading(self) -> Loading:
        """See `FlowFamily.loading`."""
        from backend.families import flux_loading

        return flux_loading

    def own_scheduler(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `EvenFamily.own_scheduler`."""
        if info.path.is_file():
            return FILE_SCHEDULER | {"use_dynamic_shifting": info.anatomy.can.distilled}
        return scheduler_config(info)


def beside(path: Path, config: Mapping[str, Any]) -> dict[Kind, Path]:
    """The parts that a single file needs; raises as `find`."""
    wanted = (
        Wanted("clip", int(config["pooled_projection_dim"])),
        Wanted("t5", int(config["joint_attention_dim"])),
        Wanted("t5 tokenizer"),
        Wanted("vae", int(config["in_channels"]) // PACK**2),
    )
    return find(path, wanted, "Flux.1")


FLUX = FluxFamily("flux", KIND)
