"""Loading a model of pixels: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

from diffusers.models.unets.unet_2d import UNet2DModel

from backend.families.folder_loading import load_weights
from backend.families.pixels import PIXELS, PixelFolder
from backend.models.autoencoder.identity import IdentityCodec
from backend.models.autoencoder.latent_rgb import GREY, LatentRgb
from backend.models.autoencoder.latent_rgb import PIXELS as COLOURS
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.pixel_unet import PixelUnet
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.text.no_prompt import NoPrompt
from backend.sampling.config import SchedulerConfig, TrainedTo
from backend.sampling.types import Spread


def load(info: ModelInfo, target: Target, folder: PixelFolder) -> Checkpoint:
    """Loads it, see `Family.load`.

    Args:
        info: Its entry.
        target: Where to and in which precision.
        folder: Where its parts lie.
    """
    config = dict(PIXELS.scheduler_config(info))
    predicts: TrainedTo = SchedulerConfig.from_dict(config).prediction_type
    unet = load_weights(UNet2DModel, folder.unet, folder.weights, target)
    channels = info.anatomy.channels
    spread = Spread() if unet.config["out_channels"] == 2 * channels else None
    patches = PatchStack()
    shown: LatentRgb = COLOURS if channels == 3 else GREY
    return Checkpoint(
        info=info,
        target=target,
        scheduler_config=config,
        text=NoPrompt(),
        network=PixelUnet(unet, predicts, spread, patches),
        codec=IdentityCodec(channels),
        latent_rgb=shown,
        bounded=True,
        spread=spread,
        patches=patches,
    )
