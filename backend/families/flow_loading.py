"""Loading what folders of flow transformers have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from accelerate import init_empty_weights
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch import nn
from transformers import PreTrainedTokenizerBase, Qwen2Tokenizer

from backend.contracts.errors import ModelProblem
from backend.families.flow_family import FlowFamily
from backend.families.flow_folder import FlowFolder, has
from backend.families.folder_loading import load_part
from backend.models.autoencoder.latent_rgb import latent_rgb_for
from backend.models.autoencoder.vae import Vae
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.loading import guarded, load_module
from backend.models.memory.devices import Target
from backend.models.parts import Network, Text
from backend.models.patches import PatchStack

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def tokenizer(cls: Any, folder: Path, vocabulary: int) -> Any:
    """A tokenizer of a folder, for an encoder of that many words.

    Raises:
        ModelProblem: It cannot be loaded, or knows more words than the encoder.
    """

    def load() -> PreTrainedTokenizerBase:
        return cls.from_pretrained(folder, local_files_only=True)

    made = guarded(load, folder.name)
    if len(made) > vocabulary:
        raise ModelProblem(
            f"The tokenizer knows {len(made)} tokens, the text encoder only {vocabulary}: they do "
            "not belong together."
        )
    return made


def chat_tokenizer(folder: Path, vocabulary: int) -> Any:
    """Qwen's tokenizer with its chat template; raises as `tokenizer`, and where it has none."""
    made = tokenizer(Qwen2Tokenizer, folder, vocabulary)
    if not made.chat_template:
        raise ModelProblem(
            "The folder tokenizer has no chat template (chat_template.jinja), in which the model "
            "was taught to read prompts."
        )
    return made


def again(family: FlowFamily, info: ModelInfo) -> FlowFolder:
    """What lies there, looked at again though the catalog has: files change.

    Raises:
        ModelProblem: It is something else by now, or damaged.
    """
    found = family.found(info.path)
    if found is None:
        raise ModelProblem(f"{info.path.name} is another kind of model than when it was listed.")
    return found


def assembled(
    info: ModelInfo,
    target: Target,
    tiny_decoder: ModelInfo | None,
    scheduler: dict[str, Any],
    patches: PatchStack,
    text: Text,
    network: Callable[[], Network],
    autoencoder: AutoencoderKL | Vae | None = None,
    kept_norm: int = 0,
) -> Checkpoint:
    """A checkpoint of these parts.

    Args:
        info: Of the folder.
        target: Where to and in which precision.
        tiny_decoder: For previews of the kind `tiny`.
        scheduler: Its config, completed by the family.
        patches: That text and network were given.
        text: Loaded.
        network: Loads it, after the text: the larger part comes last.
        autoencoder: Loaded; None: the folder's own.
        kept_norm: See `Checkpoint`.
    """
    own = autoencoder or load_part(AutoencoderKL, info.path, "vae", target)
    vae = own if isinstance(own, Vae) else Vae(own, patches=patches)
    return Checkpoint(
        info=info,
        target=target,
        scheduler_config=scheduler,
        text=text,
        network=network(),
        codec=vae,
        latent_rgb=latent_rgb_for(vae),
        tiny=_tiny(tiny_decoder, vae, target),
        patches=patches,
        kept_norm=kept_norm,
    )


def skeleton(
    folder: Path, transformer: Any, readers: Mapping[str, type[nn.Module]]
) -> Mapping[str, nn.Module]:
    """The parts of a folder that LoRAs change, without memory behind their weights.

    Args:
        folder: Of a model.
        transformer: Its class.
        readers: Classes of its text encoders, by part; those that it lacks are left out.
    """
    with init_empty_weights(include_buffers=False):
        config = read_json(folder / "transformer" / "config.json")
        parts: dict[str, nn.Module] = {"transformer": transformer.from_config(config)}
        for name, cls in readers.items():
            if has(folder, name):
                untyped: Any = cls
                own = untyped.config_class.from_pretrained(folder / name, local_files_only=True)
                parts[name] = untyped(own)
    return parts


def _tiny(info: ModelInfo | None, vae: Vae, target: Target) -> AutoencoderTiny | None:
    if info is None:
        return None
    file = f"{info.name}/{info.weights[0].name}"
    made = load_module(AutoencoderTiny, info.path, file, target, {})
    return made if made.config["latent_channels"] == vae.latent_channels else None
