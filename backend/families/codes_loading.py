"""Loading a VQ model and its priors: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

from typing import Any

from diffusers.models.autoencoders.vq_model import VQModel
from transformers import CLIPTextModel, CLIPTokenizer, PreTrainedTokenizerBase

from backend.families.codes import SHARPER
from backend.families.diffusers_folder import weight_files
from backend.families.folder_loading import load_part, load_weights
from backend.models.autoencoder.latent_rgb import fit_latent_rgb
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.codes.codec import CodesCodec
from backend.models.codes.network import CodesNetwork
from backend.models.codes.priors import PRIORS, Prior
from backend.models.loading import guarded
from backend.models.memory.devices import Target
from backend.models.parts import Text
from backend.models.patches import PatchStack
from backend.models.text.no_prompt import NoPrompt
from backend.models.text.t5 import T5Text


def load(info: ModelInfo, target: Target) -> Checkpoint:
    """Loads it, see `Family.load`."""
    patches, path = PatchStack(), info.path
    own = load_weights(VQModel, path, weight_files(path.parent, path.name), target)
    decoders = {"vqvae": CodesCodec(own, patches)}
    if (path / SHARPER).is_dir():
        decoders[SHARPER] = CodesCodec(load_part(VQModel, path, SHARPER, target), patches)
    priors: dict[str, Prior] = {
        name: load_part(PRIORS[name], path, name, target) for name in info.anatomy.can.priors
    }
    return Checkpoint(
        info=info,
        target=target,
        scheduler_config={},
        text=_text(info, target, patches),
        network=CodesNetwork(priors, decoders),
        codec=decoders["vqvae"],
        latent_rgb=fit_latent_rgb(decoders["vqvae"]),
        patches=patches,
    )


def _text(info: ModelInfo, target: Target, patches: PatchStack) -> Text:
    if not info.anatomy.can.priors:
        return NoPrompt()
    encoder = load_part(CLIPTextModel, info.path, "text_encoder", target)

    reader: Any = CLIPTokenizer

    def read() -> PreTrainedTokenizerBase:
        return reader.from_pretrained(info.path / "tokenizer", local_files_only=True)

    return T5Text(encoder, guarded(read, "tokenizer"), patches, cleans=False)
