"""What diffusers folders of flow transformers have in common, told without loading weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.contracts.capabilities import Capabilities, SizeGrid
from backend.contracts.errors import ModelProblem
from backend.families.diffusers_folder import FolderKind, check_index, weight_files
from backend.families.stable_diffusion import DECODE_MAPS
from backend.models.autoencoder.shape import shape_of
from backend.models.catalog.configs import read_config, read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.family import Anatomy, Findings

SCHEDULERS = frozenset({"FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"})
T5_TOKENIZERS = frozenset({"T5Tokenizer", "T5TokenizerFast"})
CLIP_TOKENIZERS = frozenset({"CLIPTokenizer", "CLIPTokenizerFast"})
NATIVE_PX = 1024
# Numbers that a block holds for each token, in widths of the model: its input, queries, keys,
# values, and four times that in the feed-forward part.
TOKEN_WIDTHS = 12
SAMPLER = "euler"
CAN = Capabilities(controlnet=False, attention=False, training=False, sampler=SAMPLER)
"""What flow models can do; a family says the rest of its own."""
PACK = 2
"""Latent positions to the side of a token, for most of them."""


@dataclass(frozen=True)
class FlowFolder:
    """A folder, checked.

    Attributes:
        index: Its model_index.json.
        configs: Of transformer and autoencoder.
        weights: Of the transformer.
        bytes: Size of all weight files.
    """

    index: Mapping[str, Any]
    configs: Mapping[str, dict[str, Any]]
    weights: tuple[Path, ...]
    bytes: int

    @property
    def transformer(self) -> dict[str, Any]:
        """Its config."""
        return self.configs["transformer"]

    @property
    def vae(self) -> dict[str, Any]:
        """Its config."""
        return self.configs["vae"]


def has(folder: Path, part: str) -> bool:
    """Whether a folder's index names that part as present."""
    value: Any = read_json(folder / "model_index.json").get(part)
    return isinstance(value, list) and value != [None, None]


def inspect(folder: Path, kind: FolderKind) -> FlowFolder:
    """Checks a folder from its index down to the header of each weight file.

    Raises:
        ModelProblem: Names what is missing, damaged or refused.
    """
    index = read_json(folder / "model_index.json")
    check_index(index, kind)
    present = [part for part in kind.weighty if has(folder, part)]
    configs = {part: read_json(folder / part / "config.json") for part in present}
    for part in ("transformer", "vae"):
        if configs[part].get("_class_name") not in kind.classes[part]:
            raise ModelProblem(f"{part}/config.json names a class that cannot be used here.")
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    if scheduler.get("_class_name") not in SCHEDULERS:
        raise ModelProblem("scheduler/scheduler_config.json is of no flow model.")
    for part in kind.classes:
        if part.startswith("tokenizer") and has(folder, part) and not (folder / part).is_dir():
            raise ModelProblem(f"The folder {part} is missing.")
    files = {part: weight_files(folder, part) for part in present}
    every = [path for group in files.values() for path in group]
    for path in every:
        read_shapes(path)
    return FlowFolder(
        index, configs, files["transformer"], sum(path.stat().st_size for path in every)
    )


def findings(
    found: FlowFolder,
    *,
    family: str,
    title: str,
    width: int,
    patch: int,
    most_px: int,
    can: Capabilities,
    tiny_decoder: str,
    guidance_scale: float,
) -> Findings:
    """What a folder is.

    Args:
        found: The folder, checked.
        family: As LoRAs and cards name it.
        title: How a person calls it.
        width: Of a token.
        patch: Latent positions to the side of a token.
        most_px: The longest side that it draws.
        can: What can be asked of it.
        tiny_decoder: For its latents.
        guidance_scale: That it recommends.
    """
    shape = shape_of(found.vae)
    step = shape.factor * patch
    side = max(step, min(NATIVE_PX, most_px) // step * step)
    return Findings(
        family=family,
        native_size=(side, side),
        weights=found.weights,
        bytes=found.bytes,
        title=title,
        anatomy=Anatomy(
            factor=shape.factor,
            channels=shape.channels,
            sizes=SizeGrid(step_px=step, least_px=min(64, 8 * step), most_px=most_px),
            can=can,
            tiny_decoder=tiny_decoder,
            call_values=TOKEN_WIDTHS * width // patch**2,
            decode_values=DECODE_MAPS * shape.width,
            guidance_scale=guidance_scale,
        ),
    )


def check_channels(found: FlowFolder, seen: int, positions: int = 1) -> None:
    """Whether transformer and autoencoder belong together.

    Args:
        found: Both.
        seen: Channels that the transformer takes where its config is silent.
        positions: Of the latents, that it takes at once.

    Raises:
        ModelProblem: They do not.
    """
    takes = found.transformer.get("in_channels", seen)
    has = shape_of(found.vae).channels * positions
    if takes != has:
        those = "four positions of the autoencoder's" if positions > 1 else "the autoencoder's"
        raise ModelProblem(
            f"The transformer takes {str(takes)[:20]} channels, and {those} latents have {has}: "
            "they do not belong together."
        )


def width_of(config: Mapping[str, Any], heads: int, width: int) -> int:
    """Of a token, by the heads of a transformer's config and their width, or these defaults."""
    named = config.get("num_attention_heads", heads), config.get("attention_head_dim", width)
    return int(named[0]) * int(named[1])


def scheduler_config(info: ModelInfo) -> dict[str, Any]:
    """The folder's own, with the card's word left out: a flow model predicts velocities."""
    return read_config(info.path / "scheduler" / "scheduler_config.json")
