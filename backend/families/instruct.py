"""InstructPix2Pix (2211.09800): Stable Diffusion, shown a picture and told what to change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backend.contracts.capabilities import Capabilities
from backend.families.bases import OnStableDiffusion
from backend.families.diffusers_folder import CLASSES, FolderKind
from backend.families.single_file_keys import shapes_of
from backend.families.stable_diffusion import StableDiffusionFamily
from backend.models.catalog.card import Card
from backend.models.catalog.compvis import UNET
from backend.models.catalog.entry import ModelInfo
from backend.models.family import Findings

if TYPE_CHECKING:
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
class InstructFamily(OnStableDiffusion):
    """Folders and files of InstructPix2Pix; all but the picture is Stable Diffusion's."""

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        found = self.base.recognise(path, card)
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

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.models.autoencoder.vae import Vae  # torch is slow to import
        from backend.models.denoiser.editing import EditingNetwork

        made = self.base.load(info, target, tiny_decoder)
        assert isinstance(made.codec, Vae)
        network = EditingNetwork(made.network, made.codec.scaling_factor, made.patches)
        return replace(made, network=network)


INSTRUCT = InstructFamily(BASE)
