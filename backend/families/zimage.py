"""Z-Image (Turbo and base): folders of `ZImagePipeline`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.contracts.errors import ModelProblem
from backend.families.beside import Kind, Wanted, find
from backend.families.diffusers_folder import FolderKind
from backend.families.flow_family import EvenFamily, Loading
from backend.families.flow_file import (
    Z_MARK,
    config_of,
    shapes_of,
    told,
    vae_of,
    zimage_config,
)
from backend.families.flow_folder import (
    CAN,
    PACK,
    SCHEDULERS,
    FlowFolder,
    check_channels,
    findings,
    scheduler_config,
)
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.family import Findings

PIPELINE = "ZImagePipeline"
KIND = FolderKind(
    frozenset({PIPELINE}),
    {
        "transformer": frozenset({"ZImageTransformer2DModel"}),
        "vae": frozenset({"AutoencoderKL"}),
        "scheduler": SCHEDULERS,
        "text_encoder": frozenset({"Qwen3Model", "Qwen3ForCausalLM"}),
        "tokenizer": frozenset({"Qwen2Tokenizer", "Qwen2TokenizerFast"}),
    },
)
TURBO_SHIFT = 3.0
# Turbo is distilled: few steps, and no guidance. The base's are those of its pipeline, whose scale
# g adds g times the difference to the prompted half: g + 1 on the scale of everybody else.
TURBO_STEPS, STEPS, GUIDANCE = 8, 50, 6.0
# Of the autoencoder and the scheduler, which no file tells: a single file is taken for Turbo.
SCALING, SHIFT = 0.3611, 0.1159
FILE_SCHEDULER: Mapping[str, Any] = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "shift": TURBO_SHIFT,
}


class ZImageFamily(EvenFamily):
    """Turbo and base have the same parts; the schedule's shift tells one from the other."""

    def in_file(self, path: Path) -> FlowFolder | None:
        """See `FlowFamily.in_file`."""
        shapes = shapes_of(path, Z_MARK)
        if shapes is None:
            return None
        config = config_of(path, shapes, zimage_config)
        parts = beside(path, config)
        return told(path, config, vae_of(parts["vae"], SCALING, SHIFT), parts)

    def described(self, path: Path, found: FlowFolder) -> Findings:
        """See `FlowFamily.described`."""
        check_channels(found, 16)
        if list(found.transformer.get("all_patch_size", [PACK])) != [PACK]:
            raise ModelProblem("The transformer takes patches of other sizes than 2.")
        scheduler = FILE_SCHEDULER
        if path.is_dir():
            scheduler = read_json(path / "scheduler" / "scheduler_config.json")
        turbo = scheduler.get("shift") == TURBO_SHIFT
        return findings(
            found,
            family=self.name,
            title="Z-Image Turbo" if turbo else "Z-Image",
            width=int(found.transformer.get("dim", 3840)),
            patch=PACK,
            most_px=2048,
            can=replace(CAN, steps=TURBO_STEPS if turbo else STEPS),
            tiny_decoder="taef1",
            guidance_scale=1.0 if turbo else GUIDANCE,
        )

    def loading(self) -> Loading:
        """See `FlowFamily.loading`."""
        from backend.families import zimage_loading

        return zimage_loading

    def own_scheduler(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `EvenFamily.own_scheduler`."""
        return FILE_SCHEDULER if info.path.is_file() else scheduler_config(info)


def beside(path: Path, config: Mapping[str, Any]) -> dict[Kind, Path]:
    """The parts that a single file needs; raises as `find`."""
    wanted = (
        Wanted("qwen3", int(config["cap_feat_dim"])),
        Wanted("qwen3 tokenizer"),
        Wanted("vae", int(config["in_channels"])),
    )
    return find(path, wanted, "Z-Image")


ZIMAGE = ZImageFamily("zimage", KIND)
