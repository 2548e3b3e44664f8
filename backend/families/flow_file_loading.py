"""Loading flow transformers from single files, and what lies beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import init_empty_weights
from diffusers.loaders import single_file_utils
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
)

from backend.families.flow_file import FLUX_MARK, Z_MARK, prefix_of
from backend.models.catalog.compvis import HEAD_WIDTH, VAE, count
from backend.models.catalog.gguf_header import is_gguf_name
from backend.models.catalog.safetensors_header import Shapes
from backend.models.gguf_weights import load_gguf
from backend.models.loading import Tensors, filled, guarded, ready
from backend.models.lora import transformer_names
from backend.models.memory.devices import Target

ModuleT = TypeVar("ModuleT", bound=nn.Module)
_CONVERT: Any = single_file_utils  # which says no types
_SCALE = ".scale_weight"  # of weights in eight bits
# Flux.1's layers that are no block's, by what diffusers calls them.
_FLUX_OUTER: Mapping[str, str] = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}
_FLUX_NORMS: Mapping[str, str] = {
    "img_attn.norm.query_norm": "attn.norm_q",
    "img_attn.norm.key_norm": "attn.norm_k",
    "txt_attn.norm.query_norm": "attn.norm_added_q",
    "txt_attn.norm.key_norm": "attn.norm_added_k",
    "norm.query_norm": "attn.norm_q",
    "norm.key_norm": "attn.norm_k",
}


def loaded(
    build: Callable[[], ModuleT],
    named: Callable[[Tensors], Tensors],
    path: Path,
    target: Target,
) -> ModuleT:
    """A module from one file, ready to run.

    Args:
        build: Makes it; no memory is taken for its weights.
        named: Brings the file's names to the module's.
        path: The file.
        target: Device and precision.

    Raises:
        ModelProblem: A tensor is missing or has another shape; names it.
    """

    def load() -> ModuleT:
        with init_empty_weights(include_buffers=False):
            module = build()
        return filled(module, named(_tensors(path, target.dtype)), path, target.dtype)

    return ready(guarded(load, path.name), path.name, target)


def _tensors(path: Path, dtype: torch.dtype) -> Tensors:
    return load_gguf(path, dtype) if is_gguf_name(path) else _unscaled(load_file(path))


def _unscaled(tensors: Tensors) -> Tensors:
    """Weights in eight bits that have a scale of their own, multiplied out."""
    for name in [name for name in tensors if name.endswith(_SCALE)]:
        weight = name.removesuffix(_SCALE) + ".weight"
        if weight in tensors:
            tensors[weight] = tensors[weight].float() * tensors[name].float()
    return tensors


def _bare(tensors: Tensors, mark: str) -> Tensors:
    prefix = prefix_of(tensors, mark) or ""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def flux_names(tensors: Tensors) -> Tensors:
    """Flux.1's transformer under diffusers' names."""
    made: Tensors = {}
    for name, tensor in _bare(tensors, FLUX_MARK).items():
        layer, _, kind = name.rpartition(".")
        if layer in _FLUX_OUTER:
            if layer == "final_layer.adaLN_modulation.1":  # shift and scale the other way round
                tensor = torch.cat(list(reversed(tensor.chunk(2))))
            made[f"{_FLUX_OUTER[layer]}.{kind}"] = tensor
            continue
        found = transformer_names.block_of(layer)
        if found is None:
            continue
        folder, number, inner = found
        if inner in _FLUX_NORMS:
            made[f"{folder}.{number}.{_FLUX_NORMS[inner]}.weight"] = tensor
            continue
        made |= {
            f"{folder}.{number}.{target}.{kind}": rows
            for target, rows in transformer_names.cut(layer, tensor).items()
        }
    return made


def zimage_names(tensors: Tensors) -> Tensors:
    """Z-Image's transformer under diffusers' names."""
    converted: dict[str, Tensor] = _CONVERT.convert_z_image_transformer_checkpoint_to_diffusers(
        _bare(tensors, Z_MARK)
    )
    return converted


def vae(config: Mapping[str, Any], path: Path, target: Target) -> AutoencoderKL:
    """An autoencoder of either layout."""

    def named(tensors: Tensors) -> Tensors:
        if any(name.startswith("encoder.down_blocks.") for name in tensors):
            return tensors
        prefixed = {VAE + name.removeprefix(VAE): tensor for name, tensor in tensors.items()}
        converted: Tensors = _CONVERT.convert_ldm_vae_checkpoint(prefixed, config)
        return converted

    return loaded(lambda: AutoencoderKL(**config), named, path, target)


def clip(shapes: Shapes, path: Path, target: Target) -> CLIPTextModel:
    """CLIP's text encoder under transformers' names."""
    bare = {name.removeprefix("text_model."): shape for name, shape in shapes.items()}
    vocabulary, width = bare["embeddings.token_embedding.weight"]
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=bare["encoder.layers.0.mlp.fc1.weight"][0],
        num_hidden_layers=count(bare, r"encoder\.layers\.(\d+)\."),
        num_attention_heads=max(1, width // HEAD_WIDTH),
        max_position_embeddings=bare["embeddings.position_embedding.weight"][0],
        eos_token_id=vocabulary - 1,
        bos_token_id=vocabulary - 2,
    )

    def named(tensors: Tensors) -> Tensors:
        return {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}

    return loaded(lambda: CLIPTextModel(config), named, path, target)


def t5(shapes: Shapes, path: Path, target: Target) -> T5EncoderModel:
    """T5's encoder under transformers' names; version 1.1 gates its feed-forward part."""
    first = "encoder.block.0.layer."
    buckets, heads = shapes[f"{first}0.SelfAttention.relative_attention_bias.weight"]
    rows, width = shapes[f"{first}0.SelfAttention.q.weight"]
    gated = f"{first}1.DenseReluDense.wi_0.weight" in shapes
    config = T5Config(
        vocab_size=shapes["shared.weight"][0],
        d_model=width,
        d_kv=rows // heads,
        d_ff=shapes[f"{first}1.DenseReluDense.{'wi_0' if gated else 'wi'}.weight"][0],
        num_layers=count(shapes, r"encoder\.block\.(\d+)\."),
        num_heads=heads,
        relative_attention_num_buckets=buckets,
        feed_forward_proj="gated-gelu" if gated else "relu",
    )

    def named(tensors: Tensors) -> Tensors:
        return {**tensors, "encoder.embed_tokens.weight": tensors["shared.weight"]}

    return loaded(lambda: T5EncoderModel(config), named, path, target)


def qwen3(shapes: Shapes, path: Path, target: Target) -> Qwen3Model:
    """A Qwen3 model under transformers' names."""
    bare = {name.removeprefix("model."): shape for name, shape in shapes.items()}
    vocabulary, width = bare["embed_tokens.weight"]
    head = bare["layers.0.self_attn.q_norm.weight"][0]
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=bare["layers.0.mlp.gate_proj.weight"][0],
        num_hidden_layers=count(bare, r"layers\.(\d+)\."),
        num_attention_heads=bare["layers.0.self_attn.q_proj.weight"][0] // head,
        num_key_value_heads=bare["layers.0.self_attn.k_proj.weight"][0] // head,
        head_dim=head,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        max_position_embeddings=40960,
    )

    def named(tensors: Tensors) -> Tensors:
        return {name.removeprefix("model."): tensor for name, tensor in tensors.items()}

    return loaded(lambda: Qwen3Model(config), named, path, target)
