"""Plain diffusion on pixels (Ho et al. 2020, 2006.11239): a UNet, a scheduler, no prompt.

Folders of diffusers' `DDPMPipeline` and `DDIMPipeline`, with the UNet in a folder of its own or
as the root of the folder, as the first of them were published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.contracts.capabilities import Capabilities, SizeGrid
from backend.contracts.errors import ModelProblem
from backend.contracts.settings.kinds import MAX_STEPS
from backend.families.bases import Unadorned
from backend.families.diffusers_folder import weight_files
from backend.models.catalog.card import Card
from backend.models.catalog.configs import read_config, read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.family import Anatomy, Findings

if TYPE_CHECKING:
    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

PIPELINES = frozenset({"DDPMPipeline", "DDIMPipeline"})
UNET = "UNet2DModel"
CALL_MAPS = 40  # numbers held at the peak of a call, in full-size maps of the first width
CAN = Capabilities(
    prompt=False,
    negative_prompt=False,
    guidance="none",
    controlnet=False,
    lora=False,
    attention=False,
    separate_vae=False,
    training=False,
    usual_steps=MAX_STEPS,
)


@dataclass(frozen=True)
class PixelFolder:
    """Where the parts of such a folder lie.

    Attributes:
        unet: Holds its config and weights.
        scheduler: The scheduler's config.
    """

    unet: Path
    scheduler: Path

    @classmethod
    def at(cls, folder: Path) -> PixelFolder:
        """The parts in folders of their own, or all at the root."""
        unet = folder / "unet" if (folder / "unet").is_dir() else folder
        own = folder / "scheduler" / "scheduler_config.json"
        flat = folder / "scheduler_config.json"
        return cls(unet, flat if flat.is_file() and not own.is_file() else own)

    @property
    def config(self) -> dict[str, Any]:
        """The UNet's."""
        return read_config(self.unet / "config.json")

    @property
    def weights(self) -> tuple[Path, ...]:
        """The UNet's files; see `weight_files`."""
        return weight_files(self.unet.parent, self.unet.name)


@dataclass(frozen=True)
class PixelFamily(Unadorned):
    """Unconditional models of pixels, and those that are told a class."""

    name: str = "pixels"
    kinds: tuple[str, ...] = tuple(sorted(PIPELINES))

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        if not path.is_dir() or not _owns(path):
            return None
        folder = PixelFolder.at(path)
        config, scheduler = folder.config, read_json(folder.scheduler)
        if config.get("_class_name") != UNET:
            raise ModelProblem("unet/config.json names a class that cannot be used here.")
        channels = config.get("in_channels", 3)
        out = config.get("out_channels", 3)
        if channels not in (1, 3):
            raise ModelProblem(
                f"The UNet works on {str(channels)[:20]} channels; pictures have 1 or 3."
            )
        if out not in (channels, 2 * channels):
            raise ModelProblem(f"The UNet makes {str(out)[:20]} channels of {channels}.")
        if scheduler.get("variance_type") == "learned_range" and out == channels:
            raise ModelProblem(
                "The scheduler asks for a learned variance, and the UNet tells none."
            )
        weights = folder.weights
        for file in weights:
            read_shapes(file)
        return Findings(
            family="pixels",
            native_size=_native(config),
            weights=weights,
            bytes=sum(file.stat().st_size for file in weights),
            title="Pixels",
            anatomy=_anatomy(config, channels),
        )

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.families.pixels_loading import load  # torch is slow to import

        return load(info, target, PixelFolder.at(info.path))

    def scheduler_file(self, folder: Path) -> Path:
        """See `Unadorned.scheduler_file`; in the oldest folders it lies at the root."""
        return PixelFolder.at(folder).scheduler


def _owns(path: Path) -> bool:
    index, config = path / "model_index.json", path / "config.json"
    if index.is_file():
        return read_json(index).get("_class_name") in PIPELINES
    return config.is_file() and read_json(config).get("_class_name") == UNET


def _native(config: Mapping[str, Any]) -> tuple[int, int]:
    sample = config.get("sample_size") or 32
    height, width = (sample, sample) if isinstance(sample, int) else sample
    return int(width), int(height)


def _anatomy(config: Mapping[str, Any], channels: int) -> Anatomy:
    widths = config.get("block_out_channels") or (224,)
    step = 2 ** (len(widths) - 1)  # each level but the last halves, and none of them pads
    classes = config.get("num_class_embeds") or 0
    return Anatomy(
        factor=1,
        channels=channels,
        sizes=SizeGrid(step_px=step, least_px=step, most_px=2048),
        can=replace(CAN, classes=classes),
        call_values=CALL_MAPS * int(widths[0]),
    )


PIXELS = PixelFamily()
