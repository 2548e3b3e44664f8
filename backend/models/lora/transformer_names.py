"""LoRAs of flow transformers under the names of their originals, brought to diffusers' names.

Flux.1's and Z-Image's originals have queries, keys and values in one layer, where diffusers has
three; a LoRA B A of such a layer is one with the same A, and B cut by rows, for each of them.
Understood: kohya's names (`lora_unet_double_blocks_0_img_attn_qkv`), those of Black Forest Labs
and ai-toolkit (`diffusion_model.double_blocks.0.img_attn.qkv`), with either name of the factors;
and diffusers' own names with underscores, as OneTrainer (`lora_transformer_`) and LyCORIS by itself
(`lycoris_`) write them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from backend.contracts.errors import ModelProblem

PART = "transformer."
_QKV = ("attn.to_q", "attn.to_k", "attn.to_v")
# Original layer -> diffusers' layers, whose rows stand in that order.
_DOUBLE: Mapping[str, Sequence[str]] = {
    "img_attn.qkv": _QKV,
    "img_attn.proj": ("attn.to_out.0",),
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "img_mod.lin": ("norm1.linear",),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "txt_attn.proj": ("attn.to_add_out",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
    "txt_mod.lin": ("norm1_context.linear",),
}
_SINGLE: Mapping[str, Sequence[str]] = {
    "linear1": (*_QKV, "proj_mlp"),
    "linear2": ("proj_out",),
    "modulation.lin": ("norm.linear",),
}
_Z_LAYER: Mapping[str, Sequence[str]] = {
    "attention.qkv": ("attention.to_q", "attention.to_k", "attention.to_v"),
    "attention.to_q": ("attention.to_q",),
    "attention.to_k": ("attention.to_k",),
    "attention.to_v": ("attention.to_v",),
    "attention.out": ("attention.to_out.0",),
    "attention.to_out.0": ("attention.to_out.0",),
    "feed_forward.w1": ("feed_forward.w1",),
    "feed_forward.w2": ("feed_forward.w2",),
    "feed_forward.w3": ("feed_forward.w3",),
    "adaLN_modulation.0": ("adaLN_modulation.0",),
}
_BLOCKS: Mapping[str, tuple[str, Mapping[str, Sequence[str]]]] = {
    "double_blocks": ("transformer_blocks", _DOUBLE),
    "single_blocks": ("single_transformer_blocks", _SINGLE),
    "layers": ("layers", _Z_LAYER),
    "noise_refiner": ("noise_refiner", _Z_LAYER),
    "context_refiner": ("context_refiner", _Z_LAYER),
}
_FOREIGN = re.compile(
    r"(?P<prefix>lora_unet__?|(?:model\.)?diffusion_model\.|transformer\.|)"
    rf"(?P<kind>{'|'.join(_BLOCKS)})[._](?P<number>\d+)[._](?P<layer>.+?)\."
    r"(?P<role>lora_down\.weight|lora_up\.weight|lora_[AB](?:\.default)?\.weight|alpha)"
)
# Diffusers' layers of a block of Flux.1, told from their names with underscores.
_FLAT = {
    name.replace(".", "_"): name
    for layers in (_DOUBLE, _SINGLE)
    for targets in layers.values()
    for name in targets
}
_UNDERSCORED = re.compile(
    r"(?:lora_transformer|lycoris)_(?P<folder>(?:single_)?transformer_blocks)_(?P<number>\d+)_"
    rf"(?P<layer>{'|'.join(_FLAT)})\.(?P<rest>.+)"
)
_BLOCK = re.compile(rf"(?P<kind>{'|'.join(_BLOCKS)})\.(?P<number>\d+)\.(?P<layer>.+)")
_MLP_WIDTHS = 4  # rows of Flux.1's feed-forward part, in widths of the model


def is_foreign(key: str) -> bool:
    """Whether a tensor is a factor of a LoRA under an original's names."""
    return (_FOREIGN.fullmatch(key) or _UNDERSCORED.fullmatch(key)) is not None


def plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same changes under diffusers' names; tensors under other names stay as they are.

    Works on tensors of the device "meta" too, where only shapes count.

    Raises:
        ModelProblem: A layer is none of the original's, or cannot be cut into diffusers' layers.
    """
    made: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        match = _FOREIGN.fullmatch(key)
        if match is None:
            made[_dotted(key)] = tensor
            continue
        folder, layers = _BLOCKS[match["kind"]]
        targets = _targets(layers, match["layer"], key)
        role = match["role"]
        if role == "alpha":
            cut = [tensor] * len(targets)
        elif role.startswith(("lora_down", "lora_A")):
            cut, role = [tensor] * len(targets), "lora_A.weight"
        else:
            cut, role = _rows(tensor, targets, key), "lora_B.weight"
        for target, part in zip(targets, cut, strict=True):
            made[f"{PART}{folder}.{match['number']}.{target}.{role}"] = part
    return made


def _dotted(key: str) -> str:
    """A key of OneTrainer's or LyCORIS' with diffusers' dots; any other stays."""
    match = _UNDERSCORED.fullmatch(key)
    if match is None:
        return key
    block = f"{match['folder']}.{match['number']}"
    return f"{PART}{block}.{_FLAT[match['layer']]}.{match['rest']}"


def block_of(layer: str) -> tuple[str, str, str] | None:
    """(diffusers' folder, number, name inside) of an original's layer; None outside of blocks."""
    match = _BLOCK.fullmatch(layer)
    return None if match is None else (_BLOCKS[match["kind"]][0], match["number"], match["layer"])


def cut(layer: str, weight: Tensor) -> dict[str, Tensor]:
    """A weight or bias of an original's layer in a block, by diffusers' names inside the block.

    Raises:
        ModelProblem: The layer is none of the original's, or has other rows.
    """
    match = _BLOCK.fullmatch(layer)
    if match is None:
        raise ModelProblem(f"Its layer '{layer[:120]}' is in no block.")
    targets = _targets(_BLOCKS[match["kind"]][1], match["layer"], layer)
    return dict(zip(targets, _rows(weight, targets, layer), strict=True))


def _targets(layers: Mapping[str, Sequence[str]], layer: str, key: str) -> Sequence[str]:
    for name, targets in layers.items():
        if layer in (name, name.replace(".", "_")):
            return targets
    raise ModelProblem(f"Its tensor '{key[:120]}' belongs to no layer of the model's original.")


def _rows(up: Tensor, targets: Sequence[str], key: str) -> list[Tensor]:
    """B by the rows of each layer: as many each, but for Flux.1's wider feed-forward part."""
    shares = [_MLP_WIDTHS if target == "proj_mlp" else 1 for target in targets]
    width, rest = divmod(up.shape[0], sum(shares))
    if rest:
        raise ModelProblem(
            f"Its layer '{key[:120]}' has {up.shape[0]} rows, which are not those of "
            f"{len(targets)} layers."
        )
    return list(torch.split(up, [share * width for share in shares]))
