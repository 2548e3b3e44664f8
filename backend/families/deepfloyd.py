"""DeepFloyd IF, a cascade on pixels (2205.11487): stage I from a prompt, stage II larger.

Folders of diffusers' `IFPipeline` and `IFSuperResolutionPipeline`. A stage II folder without a text
encoder belongs to the stage I folder beside it, whose embeddings it is told; one whose UNet attends
to nothing needs nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from backend.contracts.capabilities import Capabilities, Enlarging, SizeGrid
from backend.contracts.errors import ModelProblem
from backend.families.bases import Unadorned
from backend.families.diffusers_folder import (
    CLASSES,
    FolderKind,
    check_index,
    sampler_of,
    weight_files,
)
from backend.models.catalog.card import Card
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.family import Anatomy, Findings

if TYPE_CHECKING:
    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

CLIP = "CLIPTextModel"
FIRST, LATER = "IFPipeline", "IFSuperResolutionPipeline"
NOISING = "image_noising_scheduler"
PARTS: dict[str, frozenset[str]] = {
    "unet": CLASSES["unet"],
    "text_encoder": frozenset({"T5EncoderModel", CLIP}),
    "tokenizer": frozenset({"T5Tokenizer", "T5TokenizerFast", *CLASSES["tokenizer"]}),
    "scheduler": CLASSES["scheduler"],
}
KINDS = {
    FIRST: FolderKind(frozenset({FIRST}), PARTS),
    LATER: FolderKind(
        frozenset({LATER}),
        {**PARTS, NOISING: frozenset({"DDPMScheduler", "DDIMScheduler"})},
        beside="picture",
        may_lack=frozenset({"text_encoder", "tokenizer"}),
    ),
}
CALL_MAPS = 40  # numbers held at the peak of a call, in full-size maps of the first width
# What diffusers' pipelines draw with where they are told nothing.
STANDARD = Capabilities(
    controlnet=False,
    lora=False,
    attention=False,
    separate_vae=False,
    training=False,
    steps=100,
)
GUIDANCE = {FIRST: 7.0, LATER: 4.0}
STEPS, NOISE_LEVEL, MOST_NOISE, FACTOR = 50, 250, 999, 4


@dataclass(frozen=True)
class DeepFloydFamily(Unadorned):
    """Both stages; a third one is the x4 upscaler."""

    name: str = "deepfloyd"
    kinds: tuple[str, ...] = (FIRST, LATER)

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        cls = _class_of(path)
        if cls not in KINDS:
            return None
        index = read_json(path / "model_index.json")
        check_index(index, KINDS[cls])
        unet = read_json(path / "unet" / "config.json")
        if unet.get("_class_name") not in PARTS["unet"]:
            raise ModelProblem("unet/config.json names a class that cannot be used here.")
        scheduler = read_json(path / "scheduler" / "scheduler_config.json")
        _check_channels(unet, scheduler, cls)
        weights = weight_files(path, "unet")
        files = weights + (weight_files(path, "text_encoder") if reads(path) else ())
        for file in files:
            read_shapes(file)
        if cls == LATER:
            read_json(path / NOISING / "scheduler_config.json")
            _check_reader(path, unet)
        side = _side(unet)
        return Findings(
            family="if",
            native_size=(side, side),
            weights=weights,
            bytes=sum(file.stat().st_size for file in files),
            title="IF, stage I" if cls == FIRST else "IF, stage II",
            anatomy=_anatomy(path, cls, unet, scheduler),
        )

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.families.deepfloyd_loading import load  # torch is slow to import

        return load(info, target)


def reads(path: Path) -> bool:
    """Whether a folder has a text encoder of its own."""
    return bool(reader_class(path))


def reader_class(path: Path) -> str:
    """Of the text encoder that the index names; "" where it names none."""
    value: Any = read_json(path / "model_index.json").get("text_encoder")
    if not isinstance(value, list):
        return ""
    _, cls = [*cast("list[Any]", value), None, None][:2]
    return str(cls or "")


def attends(unet: Mapping[str, Any]) -> bool:
    """Whether a UNet reads embeddings at all; one of convolutions alone does not."""
    blocks: list[object] = [*(unet.get("down_block_types") or ("CrossAttn",))]
    blocks += [*(unet.get("up_block_types") or ()), unet.get("mid_block_type", "CrossAttn")]
    told = unet.get("encoder_hid_dim") or unet.get("addition_embed_type")
    return bool(told) or any("CrossAttn" in str(block) for block in blocks)


def first_beside(path: Path) -> Path | None:
    """The stage I folder beside a stage II folder, the first by name."""
    try:
        beside = sorted(path.parent.iterdir())
    except OSError:
        return None
    found = (one for one in beside if one != path and _class_of(one) == FIRST)
    return next(found, None)


def _class_of(path: Path) -> str:
    index = path / "model_index.json"
    return str(read_json(index).get("_class_name")) if index.is_file() else ""


def _check_channels(unet: Mapping[str, Any], scheduler: Mapping[str, Any], cls: str) -> None:
    seen, made = unet.get("in_channels"), unet.get("out_channels")
    if seen != (3 if cls == FIRST else 6):
        raise ModelProblem(
            f"The UNet takes {str(seen)[:20]} channels; a first stage takes 3, a later one 6."
        )
    if made not in (3, 6):
        raise ModelProblem(f"The UNet makes {str(made)[:20]} channels; pictures have 3.")
    if scheduler.get("variance_type") == "learned_range" and made != 6:
        raise ModelProblem("The scheduler asks for a learned variance, and the UNet tells none.")


def _check_reader(path: Path, unet: Mapping[str, Any]) -> None:
    """Whether somebody reads prompts for a later stage, in the width that it attends to."""
    if reads(path) or not attends(unet):
        return
    first = first_beside(path)
    if first is None:
        raise ModelProblem(
            "This second stage has no text encoder; put its first stage (IFPipeline) into a "
            "folder beside it."
        )
    own = unet.get("encoder_hid_dim")
    theirs = read_json(first / "unet" / "config.json").get("encoder_hid_dim")
    if own != theirs:
        raise ModelProblem(
            f"This second stage attends to embeddings of another width than '{first.name}' beside "
            "it gives; they do not belong together."
        )


def _side(unet: Mapping[str, Any]) -> int:
    sample = unet.get("sample_size") or 64
    return int(sample if isinstance(sample, int) else sample[0])


def _factor(path: Path, side: int) -> int:
    """What a later stage multiplies sides by: to its native size from that of the one beside it."""
    first = first_beside(path)
    if first is None:
        return FACTOR
    factor, rest = divmod(side, _side(read_json(first / "unet" / "config.json")))
    return FACTOR if rest or factor < 2 else factor


def _anatomy(
    path: Path, cls: str, unet: Mapping[str, Any], scheduler: Mapping[str, Any]
) -> Anatomy:
    widths = unet.get("block_out_channels") or (320,)
    step = 2 ** (len(widths) - 1)
    can = replace(STANDARD, sampler=sampler_of(scheduler))
    if cls == LATER:
        shown = Enlarging(_factor(path, _side(unet)), NOISE_LEVEL, MOST_NOISE)
        can = replace(
            can, from_noise=False, mask=False, inversion=False, steps=STEPS, enlarges=shown
        )
    if not attends(unet):
        can = replace(can, prompt=False, negative_prompt=False, guidance="none")
    return Anatomy(
        factor=1,
        channels=3,
        sizes=SizeGrid(step_px=step, least_px=step, most_px=2048),
        can=can,
        call_values=CALL_MAPS * int(widths[0]),
        guidance_scale=GUIDANCE[cls] if attends(unet) else 1.0,
        reader=None if reads(path) or not attends(unet) else first_beside(path),
    )


DEEPFLOYD = DeepFloydFamily()
