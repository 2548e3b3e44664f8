"""Stable Diffusion's x4 upscaler: latents beside a noised small picture of their size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backend.contracts.capabilities import Capabilities, Enlarging
from backend.contracts.errors import ModelProblem
from backend.families.bases import OnStableDiffusion
from backend.families.diffusers_folder import CLASSES, FolderKind, sampler_of
from backend.families.stable_diffusion import StableDiffusionFamily
from backend.models.catalog.card import Card
from backend.models.catalog.configs import read_config, read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.family import Findings

if TYPE_CHECKING:
    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

# What diffusers' pipeline draws with where it is told nothing.
GUIDANCE, STEPS, NOISE_LEVEL, MOST_NOISE = 9.0, 75, 20, 350
NOISING = "low_res_scheduler"


def _no_file(path: Path) -> bool:
    return False


BASE = StableDiffusionFamily(
    name="x4",
    folder=FolderKind(
        frozenset({"StableDiffusionUpscalePipeline"}),
        {**CLASSES, NOISING: frozenset({"DDPMScheduler", "DDIMScheduler"})},
        beside="picture",
    ),
    owns_file=_no_file,
    text_parts=("text_encoder",),
)


@dataclass(frozen=True)
class X4Family(OnStableDiffusion):
    """Folders of `StableDiffusionUpscalePipeline`; all but the small picture is SD's."""

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        found = self.base.recognise(path, card)
        if found is None:
            return None
        read_json(path / NOISING / "scheduler_config.json")
        most = read_json(path / "model_index.json").get("max_noise_level", MOST_NOISE)
        if not isinstance(most, int) or not 0 <= most < 1000:
            raise ModelProblem("model_index.json gives a max_noise_level that is none.")
        anatomy = replace(
            found.anatomy,
            can=Capabilities(
                from_noise=False,
                mask=False,
                inversion=False,
                controlnet=False,
                attention=False,
                training=False,
                steps=STEPS,
                sampler=sampler_of(read_json(path / "scheduler" / "scheduler_config.json")),
                enlarges=Enlarging(found.anatomy.factor, min(NOISE_LEVEL, most), most),
            ),
            control=None,
            tiny_decoder="",
            guidance_scale=GUIDANCE,
        )
        return replace(found, title="SD x4 upscaler", anatomy=anatomy)

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.models.enlarger import NoisedPicture  # torch is slow to import
        from backend.sampling.config import SchedulerConfig

        config = read_config(info.path / NOISING / "scheduler_config.json")
        shown = NoisedPicture(SchedulerConfig.from_dict(config))
        return replace(self.base.load(info, target, tiny_decoder), enlarger=shown, bounded=True)


X4 = X4Family(BASE)
