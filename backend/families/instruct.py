"""InstructPix2Pix (2211.09800): Stable Diffusion, shown a picture and told what to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.contracts.capabilities import Capabilities
from backend.families.diffusers_folder import CLASSES, FolderKind
from backend.families.single_file_keys import shapes_of
from backend.families.stable_diffusion import StableDiffusionFamily
from backend.models.catalog.card import Card
from backend.models.catalog.compvis import UNET
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.traits import Traits
from backend.models.family import Findings, TokenizerSource

if TYPE_CHECKING:
    from torch import nn

    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

GUIDANCE = 7.5  # what its pipeline takes where it is told nothing
CHANNELS = 8  # of x and the picture, in single files


def _sees_a_picture(path: Path) -> bool:
    shape = shapes_of(path).get(f"{UNET}input_blocks.0.0.weight", ())
    return shape[1:2] == (CHANNELS,)


BASE = StableDiffusionFamily(
    name="instruct",
    folder=FolderKind(
        frozenset({"StableDiffusionInstructPix2PixPipeline"}), CLASSES, beside="source"
    ),
    owns_file=_sees_a_picture,
    text_parts=("text_encoder",),
)


@dataclass(frozen=True)
class InstructFamily:
    """Folders and files of InstructPix2Pix; all but the picture is Stable Diffusion's."""

    name: str = BASE.name
    kinds: tuple[str, ...] = BASE.kinds

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        found = BASE.recognise(path, card)
        if found is None:
            return None
        anatomy = replace(
            found.anatomy,
            can=Capabilities(
                from_noise=False,
                mask=False,
                inversion=False,
                controlnet=False,
                attention=False,
                training=False,
                edits=True,
            ),
            control=None,
            call_values=found.anatomy.call_values * 3 // 2,  # three rows where others have two
            guidance_scale=GUIDANCE,
        )
        return replace(found, title="InstructPix2Pix", anatomy=anatomy)

    def kin(self, traits: Traits) -> None:
        """What fits it cannot be told from what fits SD 1.x, which is asked later."""

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.models.autoencoder.vae import Vae  # torch is slow to import
        from backend.models.denoiser.editing import EditingNetwork

        made = BASE.load(info, target, tiny_decoder)
        assert isinstance(made.codec, Vae)
        network = EditingNetwork(made.network, made.codec.scaling_factor, made.patches)
        return replace(made, network=network)

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`."""
        return BASE.scheduler_config(info)

    def tokenizer(self, info: ModelInfo) -> TokenizerSource:
        """See `Family.tokenizer`."""
        return BASE.tokenizer(info)

    def skeleton(self, info: ModelInfo) -> Mapping[str, nn.Module] | None:
        """See `Family.skeleton`."""
        return BASE.skeleton(info)


INSTRUCT = InstructFamily()
