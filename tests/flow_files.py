"""Small flow transformers in single files, under their originals' names, with what lies beside."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, Qwen3Config, Qwen3Model

from backend.families import flow_file_loading
from backend.models.lora import transformer_names
from backend.models.text.clip_vocabulary import clip_tokenizer
from tests.tiny_flow import CHANNELS, _lively, tiny_qwen_tokenizer
from tests.tiny_pixels import tiny_t5, tiny_t5_tokenizer


def vae_of_files() -> AutoencoderKL:
    """Of the shape that a file tells: four levels, no quantising convolutions."""
    return AutoencoderKL(
        block_out_channels=(32,) * 4,
        layers_per_block=2,
        latent_channels=CHANNELS,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
    ).eval()


def flux_files(root: Path, *, dev: bool = True) -> None:
    """The folder `whole`, and the same weights as `alone.safetensors` with parts beside it."""
    clip, words = clip_tokenizer(), tiny_t5_tokenizer()
    torch.manual_seed(0)
    pipe = FluxPipeline(
        transformer=_lively(
            FluxTransformer2DModel(
                patch_size=1,
                in_channels=4 * CHANNELS,
                num_layers=1,
                num_single_layers=2,
                attention_head_dim=32,
                num_attention_heads=2,
                joint_attention_dim=32,
                pooled_projection_dim=64,
                guidance_embeds=dev,
                axes_dims_rope=(4, 14, 14),
            ).eval()
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=dev),
        vae=vae_of_files(),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(clip),
                hidden_size=64,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=1,
                max_position_embeddings=77,
                bos_token_id=len(clip) - 2,
                eos_token_id=len(clip) - 1,
            )
        ).eval(),
        tokenizer=clip,
        text_encoder_2=tiny_t5(words),
        tokenizer_2=words,
    )
    pipe.save_pretrained(root / "checkpoints" / "whole")
    parts = {"clip": pipe.text_encoder, "t5": pipe.text_encoder_2}
    for name, part in parts.items():
        _save(part.state_dict(), root / "text_encoders" / f"{name}.safetensors")
    words.save_pretrained(root / "text_encoders" / "t5-words")
    _save(pipe.vae.state_dict(), root / "vae" / "ae.safetensors")
    _save(_flux_original(pipe.transformer.state_dict()), root / "checkpoints" / "alone.safetensors")


def zimage_files(root: Path) -> None:
    """Likewise of Z-Image."""
    words = tiny_qwen_tokenizer()
    words.chat_template = None
    torch.manual_seed(0)
    pipe = ZImagePipeline(
        transformer=_lively(
            ZImageTransformer2DModel(
                in_channels=CHANNELS,
                dim=64,
                n_layers=2,
                n_refiner_layers=1,
                n_heads=2,
                n_kv_heads=2,
                cap_feat_dim=32,
                axes_dims=[8, 12, 12],
                axes_lens=[1536, 512, 512],
            ).eval()
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae_of_files(),
        text_encoder=Qwen3Model(
            Qwen3Config(
                vocab_size=len(words),
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=3,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=8,
                rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
                max_position_embeddings=40960,
            )
        ).eval(),
        tokenizer=words,
    )
    _save(
        {f"model.{name}": tensor for name, tensor in pipe.text_encoder.state_dict().items()},
        root / "text_encoders" / "reader.safetensors",
    )
    words.save_pretrained(root / "text_encoders" / "words")
    _save(pipe.vae.state_dict(), root / "vae" / "ae.safetensors")
    original = _zimage_original(pipe.transformer.state_dict())
    _save(original, root / "diffusion_models" / "alone.safetensors")
    from backend.families.zimage_loading import TEMPLATE

    words.chat_template = TEMPLATE
    pipe.save_pretrained(root / "checkpoints" / "whole")


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)


def _fused(
    own: dict[str, Tensor], folder: str, number: str, targets: Sequence[str], kind: str
) -> Tensor | None:
    parts = [own.pop(f"{folder}.{number}.{target}.{kind}", None) for target in targets]
    found = [part for part in parts if part is not None]
    return torch.cat(found) if len(found) == len(targets) else None


def _flux_original(own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names of Black Forest Labs, with the prefix that ComfyUI writes."""
    made: dict[str, Tensor] = {}
    tables: Mapping[str, Any] = transformer_names._BLOCKS
    for kind, (folder, layers) in tables.items():
        if not kind.endswith("_blocks"):
            continue
        numbers = sorted({name.split(".")[1] for name in own if name.startswith(f"{folder}.")})
        for number in numbers:
            for layer, targets in layers.items():
                for suffix in ("weight", "bias"):
                    fused = _fused(own, folder, number, targets, suffix)
                    if fused is not None:
                        made[f"{kind}.{number}.{layer}.{suffix}"] = fused
            for theirs, ours in flow_file_loading._FLUX_NORMS.items():
                if (kind == "double_blocks") == theirs.startswith("norm."):
                    continue
                norm = own.pop(f"{folder}.{number}.{ours}.weight")
                made[f"{kind}.{number}.{theirs}.scale"] = norm
    for theirs, ours in flow_file_loading._FLUX_OUTER.items():
        for suffix in ("weight", "bias"):
            tensor = own.pop(f"{ours}.{suffix}", None)
            if tensor is None:
                continue
            if theirs == "final_layer.adaLN_modulation.1":
                scale, shift = tensor.chunk(2)
                tensor = torch.cat([shift, scale])
            made[f"{theirs}.{suffix}"] = tensor
    assert not own
    return {f"model.diffusion_model.{name}": tensor for name, tensor in made.items()}


def _zimage_original(own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Fused queries, keys and values, and the original's names."""
    made: dict[str, Tensor] = {}
    for name in [name for name in own if name.endswith(".attention.to_q.weight")]:
        base = name.removesuffix("to_q.weight")
        made[f"{base}qkv.weight"] = torch.cat(
            [own.pop(f"{base}to_{which}.weight") for which in "qkv"]
        )
    renamed = {
        "all_final_layer.2-1.": "final_layer.",
        "all_x_embedder.2-1.": "x_embedder.",
        ".attention.to_out.0.": ".attention.out.",
        ".attention.norm_k.": ".attention.k_norm.",
        ".attention.norm_q.": ".attention.q_norm.",
    }
    for name, tensor in own.items():
        for ours, theirs in renamed.items():
            name = name.replace(ours, theirs)
        made[name] = tensor
    return made


def without(root: Path, *paths: str) -> None:
    """Takes files or folders away."""
    for path in paths:
        place = root / path
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()


def as_gguf(source: Path, target: Path, *, plain: Path | None = None) -> None:
    """The transformer of a file as a GGUF file: matrices in Q8_0, all else as it is.

    Args:
        source: .safetensors; what stands before its names goes, as who packs such files does it.
        target: .gguf to write.
        plain: .safetensors to write beside it, of the unpacked numbers.
    """
    packing = gguf.GGMLQuantizationType.Q8_0
    writer = gguf.GGUFWriter(target, "flux")
    unpacked: dict[str, Tensor] = {}
    for long, tensor in load_file(source).items():
        name, values = long.removeprefix("model.diffusion_model."), tensor.numpy()
        if tensor.ndim == 2 and tensor.shape[1] % 32 == 0:
            packed = gguf.quantize(values, packing)
            writer.add_tensor(name, packed, raw_dtype=packing)
            values = gguf.dequantize(packed, packing)
        else:
            writer.add_tensor(name, values)
        unpacked[name] = torch.from_numpy(values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if plain is not None:
        _save(unpacked, plain)
