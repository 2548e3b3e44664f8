"""Names inside LoRA files: every format becomes (module path, A or B).

The tables are diffusers' own. Its converters move tensors from key to key without looking at
them, so they are run here on empty placeholders: the header of a file is enough, and the mapping
from the file's key to the module is exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import torch
from diffusers.loaders import lora_pipeline
from diffusers.utils import state_dict_utils

from backend.contracts.errors import ModelProblem

_CONVERTERS: Any = state_dict_utils
_LOADERS: Any = lora_pipeline
Marks = dict[str, torch.Tensor]

PARTS = ("unet", "transformer", "text_encoder", "text_encoder_2")
_PEFT_PREFIX = "base_model.model."
_KOHYA_PREFIXES = ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_")
# Files of kohya's trainer for SDXL number the blocks as the original code did, two ResNets a block.
_SGM_CONFIG = SimpleNamespace(layers_per_block=2)
_UNET_STEMS = (
    "conv_in",
    "conv_out",
    "time_embedding",
    "add_embedding",
    "down_blocks",
    "mid_block",
    "up_blocks",
)
_TEXT_STEMS = ("text_model", "encoder", "text_projection")
_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<role>[AB])(?:\.default)?\.weight")

# What other ways of adapting a model are called, by what marks their keys.
REFUSED_KINDS = {
    "oft_": "an OFT",
    "boft_": "an OFT",
    "glora_": "a GLoRA",
    "on_input": "an (IA)3",
}
# By what is in the names of its layers: whose LoRA it is.
_OTHER_BASES = (
    ("cross_attn", "a video model such as Wan"),
    ("lora_unet_blocks_", "a video model such as Wan"),
    ("joint_blocks", "Stable Diffusion 3 in its original's names"),
    ("lora_te3_", "Stable Diffusion 3 in its original's names"),
    ("lora_prior_", "Stable Cascade"),
    ("img_mlp.net", "Qwen-Image"),
    ("txt_mlp.net", "Qwen-Image"),
    ("double_blocks", "Flux.1 or a video model such as HunyuanVideo"),
)
_OTHER_MODELS = (
    "lora_unet_blocks_",
    "lora_unet_joint_blocks_",
    "lycoris_",
    "lora_transformer_",
    "diffusion_model.",
    "model.diffusion_model.",
    "double_blocks",
    "single_blocks",
    "lora_prior_",
    "lora_te3_",
    "text_encoder_3.",
)


class Factor(NamedTuple):
    """Which factor of which module a tensor is.

    Attributes:
        module: Part and path, e.g. "unet.down_blocks.0.attentions.0.proj_in". Paths inside a text
            encoder have no "text_model." in front, as in transformers 5.
        role: A is the projection down to the rank, B the one up from it.
    """

    module: str
    role: Literal["A", "B"]


def factors(keys: Iterable[str]) -> dict[str, Factor]:
    """The factor behind each key of a file, its alphas left out.

    Raises:
        ModelProblem: A kind of adapter that is refused (named), another family of models, or a
            tensor that belongs to no LoRA.
    """
    keys = [key for key in keys if not key.endswith(".alpha")]
    _refuse(keys)
    marks = {key: torch.empty(0, device="meta") for key in keys}
    found: dict[int, Factor] = {}
    for name, mark in _to_peft(marks).items():
        match = _FACTOR.fullmatch(name)
        if match is None:
            raise ModelProblem(f"Its tensor '{_short(name)}' belongs to no LoRA that is known.")
        part, _, path = match["module"].partition(".")
        inner = path.removeprefix("text_model.") if part.startswith("text_encoder") else path
        module = f"{part}.{inner}"
        found[id(mark)] = Factor(module, "A" if match["role"] == "A" else "B")
    # Absent only where a file holds a layer twice, under the names of two formats.
    return {key: found[id(mark)] for key, mark in marks.items() if id(mark) in found}


def _refuse(keys: list[str]) -> None:
    for key in keys:
        kind = next((kind for mark, kind in REFUSED_KINDS.items() if mark in key), None)
        if kind is not None:
            raise ModelProblem(f"It is {kind}, which cannot be used here; use a plain LoRA.")
    if any(key.startswith(_OTHER_MODELS) for key in keys):
        whose = next((w for mark, w in _OTHER_BASES if any(mark in key for key in keys)), "")
        named = f": {whose}, by the names of its layers" if whose else ""
        raise ModelProblem(f"It was made for another kind of model than Stable Diffusion{named}.")
    if not any("lora" in key for key in keys):
        raise ModelProblem("It holds no LoRA.")


def _to_peft(marks: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    own = {key: mark for key, mark in marks.items() if _peft_named(key).startswith("transformer.")}
    others = {key: mark for key, mark in marks.items() if key not in own}
    if any(key.startswith(_KOHYA_PREFIXES) for key in others):
        named = _from_kohya(others)
    else:
        named = {_with_part(_peft_named(key)): mark for key, mark in others.items()}
    named |= {_peft_named(key): mark for key, mark in own.items()}
    result: dict[str, torch.Tensor] = {}
    for part in PARTS:
        prefix = f"{part}."
        inside: Marks = {
            key.removeprefix(prefix): mark for key, mark in named.items() if key.startswith(prefix)
        }
        if part in ("unet", "transformer"):
            inside = _CONVERTERS.convert_unet_state_dict_to_peft(inside)
        else:
            styles = _CONVERTERS.StateDictType
            for style in (styles.DIFFUSERS_OLD, styles.DIFFUSERS):
                inside = _CONVERTERS.convert_state_dict_to_peft(inside, original_type=style)
        result |= {prefix + key: mark for key, mark in inside.items()}
    return result


def _from_kohya(marks: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    for key in marks:
        if not key.startswith(_KOHYA_PREFIXES):
            raise ModelProblem(f"Its tensor '{_short(key)}' belongs to no LoRA that is known.")
        base, _, factor = key.partition(".")
        twin = {"lora_down.weight": "lora_up.weight", "lora_up.weight": "lora_down.weight"}
        if f"{base}.{twin.get(factor)}" not in marks:
            raise ModelProblem(f"Its layer '{_short(base)}' is incomplete.")
    try:
        loader = _LOADERS.StableDiffusionLoraLoaderMixin
        named: Marks = loader.lora_state_dict(dict(marks), unet_config=_SGM_CONFIG)[0]
    except (ValueError, KeyError, IndexError) as error:
        raise ModelProblem(
            f"Its layers are not named as known trainers name them ({_short(str(error))})."
        ) from None
    return named


def _peft_named(key: str) -> str:
    """PEFT's prefix goes, before or behind the part; kohya's names of factors become PEFT's."""
    part, dot, rest = key.partition(".")
    if part in PARTS and rest.startswith(_PEFT_PREFIX):
        key = part + dot + rest.removeprefix(_PEFT_PREFIX)
    key = key.removeprefix(_PEFT_PREFIX)
    for theirs, ours in (
        (".lora_down.weight", ".lora_A.weight"),
        (".lora_up.weight", ".lora_B.weight"),
    ):
        if key.endswith(theirs):
            return key.removesuffix(theirs) + ours
    return key


def _with_part(key: str) -> str:
    stem = key.split(".", 1)[0]
    if stem in PARTS:
        return key
    if stem in _UNET_STEMS:
        return f"unet.{key}"
    if stem in _TEXT_STEMS:
        return f"text_encoder.{key}"
    raise ModelProblem(f"Its tensor '{_short(key)}' belongs to no part of Stable Diffusion.")


def _short(text: str) -> str:
    return text.strip()[:120]
