"""Z-Image (Turbo and base): folders of `ZImagePipeline`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.contracts.capabilities import Capabilities
from backend.contracts.errors import ModelProblem
from backend.families.beside import Kind, Wanted, find
from backend.families.diffusers_folder import FolderKind
from backend.families.flow_file import (
    Z_MARK,
    config_of,
    shapes_of,
    told,
    vae_of,
    zimage_config,
)
from backend.families.flow_folder import (
    SAMPLER,
    SCHEDULERS,
    FlowFolder,
    findings,
    inspect,
    scheduler_config,
)
from backend.models.catalog.card import Card
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.traits import Traits
from backend.models.family import Findings

if TYPE_CHECKING:
    from torch import nn

    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

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
PATCH = 2
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


@dataclass(frozen=True)
class ZImageFamily:
    """Turbo and base have the same parts; the schedule's shift tells one from the other."""

    name: str = "zimage"
    kinds: tuple[str, ...] = (PIPELINE,)

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        if path.is_file():
            found = in_file(path)
        else:
            found = inspect(path, KIND) if path.is_dir() and KIND.owns(path) else None
        if found is None:
            return None
        config = found.transformer
        channels = found.vae.get("latent_channels", 4)
        if config.get("in_channels", 16) != channels:
            raise ModelProblem(
                f"The transformer takes {str(config.get('in_channels'))[:20]} channels, and the "
                f"autoencoder's latents have {channels}: they do not belong together."
            )
        if list(config.get("all_patch_size", [PATCH])) != [PATCH]:
            raise ModelProblem("The transformer takes patches of other sizes than 2.")
        scheduler = FILE_SCHEDULER
        if path.is_dir():
            scheduler = read_json(path / "scheduler" / "scheduler_config.json")
        turbo = scheduler.get("shift") == TURBO_SHIFT
        return findings(
            found,
            family="zimage",
            title="Z-Image Turbo" if turbo else "Z-Image",
            width=int(config.get("dim", 3840)),
            patch=PATCH,
            most_px=2048,
            can=Capabilities(
                controlnet=False,
                attention=False,
                training=False,
                steps=TURBO_STEPS if turbo else STEPS,
                sampler=SAMPLER,
            ),
            tiny_decoder="taef1",
            guidance_scale=1.0 if turbo else GUIDANCE,
        )

    def kin(self, traits: Traits) -> None:
        """Files for them are told by their keys."""

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.families.zimage_loading import load  # torch is slow to import

        return load(info, target, tiny_decoder)

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`; its pipeline begins at noise alone, in even steps."""
        config = dict(FILE_SCHEDULER) if info.path.is_file() else scheduler_config(info)
        return config | {"spacing": "trailing", "patch": PATCH}

    def tokenizer(self, info: ModelInfo) -> None:
        """Its language model's tokens are not counted while one types."""
        return None

    def skeleton(self, info: ModelInfo) -> Mapping[str, nn.Module] | None:
        """See `Family.skeleton`; a single file's layers are known once it is loaded."""
        if info.path.is_file():
            return None
        from backend.families.zimage_loading import modules  # torch is slow to import

        return modules(info.path)


def in_file(path: Path) -> FlowFolder | None:
    """What a single file and the parts beside it are; None where it is of another kind.

    Raises:
        ModelProblem: It is damaged, or lacks parts; names them, and where to put them.
    """
    shapes = shapes_of(path, Z_MARK)
    if shapes is None:
        return None
    config = config_of(path, shapes, zimage_config)
    parts = beside(path, config)
    return told(path, config, vae_of(parts["vae"], SCALING, SHIFT), parts)


def beside(path: Path, config: Mapping[str, Any]) -> dict[Kind, Path]:
    """The parts that a single file needs; raises as `find`."""
    wanted = (
        Wanted("qwen3", int(config["cap_feat_dim"])),
        Wanted("qwen3 tokenizer"),
        Wanted("vae", int(config["in_channels"])),
    )
    return find(path, wanted, "Z-Image")


ZIMAGE = ZImageFamily()
