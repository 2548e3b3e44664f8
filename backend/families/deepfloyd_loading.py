"""Loading DeepFloyd IF: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from transformers import (
    CLIPTextModel,
    CLIPTokenizer,
    PreTrainedTokenizerBase,
    T5EncoderModel,
    T5Tokenizer,
)

from backend.contracts.errors import ModelProblem
from backend.families.deepfloyd import CLIP, DEEPFLOYD, NOISING, attends, reader_class, reads
from backend.families.folder_loading import load_part
from backend.models.autoencoder.identity import IdentityCodec
from backend.models.autoencoder.latent_rgb import PIXELS
from backend.models.catalog.configs import read_config, read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.unet import Unet
from backend.models.enlarger import EnlargedPicture
from backend.models.loading import guarded
from backend.models.memory.devices import Target
from backend.models.parts import Text
from backend.models.patches import PatchStack
from backend.models.text.lent import LentText
from backend.models.text.no_prompt import NoPrompt
from backend.models.text.t5 import T5Text
from backend.sampling.config import SchedulerConfig
from backend.sampling.types import Spread

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def load(info: ModelInfo, target: Target) -> Checkpoint:
    """Loads a stage, see `Family.load`."""
    patches = PatchStack()
    config = dict(DEEPFLOYD.scheduler_config(info))
    schedule = SchedulerConfig.from_dict(config)
    unet = load_part(UNet2DConditionModel, info.path, "unet", target)
    # Without it the scheduler draws by a variance of its own, and the pipelines drop the UNet's.
    spread = Spread() if schedule.variance_type == "learned_range" else None
    enlarges = info.anatomy.can.enlarges
    shown = None
    if enlarges is not None:
        noising = read_config(info.path / NOISING / "scheduler_config.json")
        shown = EnlargedPicture(SchedulerConfig.from_dict(noising), enlarges.factor)
    return Checkpoint(
        info=info,
        target=target,
        scheduler_config=config,
        text=_text(info, target, patches),
        network=Unet(
            unet,
            schedule.prediction_type,
            compiled=target.compile,
            patches=patches,
            spread=spread,
        ),
        codec=IdentityCodec(),
        latent_rgb=PIXELS,
        enlarger=shown,
        patches=patches,
        bounded=True,
        spread=spread,
    )


def _text(info: ModelInfo, target: Target, patches: PatchStack) -> Text:
    """Its own encoder, or none: whoever runs it embeds prompts by `ModelInfo.reader`."""
    if not attends(read_json(info.path / "unet" / "config.json")):
        return NoPrompt()
    if not reads(info.path):
        return LentText()
    clip = reader_class(info.path) == CLIP
    encoder = load_part(
        CLIPTextModel if clip else T5EncoderModel, info.path, "text_encoder", target
    )
    tokenizer = _tokenizer(CLIPTokenizer if clip else T5Tokenizer, info.path / "tokenizer")
    if len(tokenizer) > encoder.config.vocab_size:
        raise ModelProblem(
            f"The tokenizer knows {len(tokenizer)} tokens, the text encoder only "
            f"{encoder.config.vocab_size}: they do not belong together."
        )
    return T5Text(encoder, tokenizer, patches, cleans=info.card.clean_caption and not clip)


def _tokenizer(cls: Any, folder: Path) -> PreTrainedTokenizerBase:
    def load() -> PreTrainedTokenizerBase:
        return cls.from_pretrained(folder, local_files_only=True)

    return guarded(load, folder.name)
