"""Small random IP-Adapters in the published layout, each with its image encoder's folder."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

HIDDEN, EMBEDDING, SIDE = 32, 24, 32
TOKENS, INNER = 4, 64  # of a plus adapter: its resampler has heads of 64


def tiny_encoder(folder: Path, seed: int = 0) -> Path:
    """Writes an image encoder."""
    config = CLIPVisionConfig(
        hidden_size=HIDDEN,
        intermediate_size=48,
        projection_dim=EMBEDDING,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=8,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        CLIPVisionModelWithProjection(config).save_pretrained(folder)
    return folder


def tiny_ipadapter(checkpoint: Path, path: Path, *, plus: bool = False, seed: int = 1) -> Path:
    """Writes an adapter for the UNet of a folder, and the encoder beside it.

    Args:
        checkpoint: Diffusers folder of the checkpoint.
        path: File to make, e.g. tmp_path / "ipadapter" / "tiny.safetensors".
        plus: Reads the encoder's hidden states through a resampler of one layer.
        seed: Weights of the same seed are the same.
    """
    unet = UNet2DConditionModel.from_pretrained(checkpoint / "unet")
    width: int = unet.config["cross_attention_dim"]
    drawn = torch.Generator().manual_seed(seed)

    def random(*shape: int, deviation: float = 0.5) -> torch.Tensor:
        return deviation * torch.randn(shape, generator=drawn)

    tensors: dict[str, torch.Tensor] = {}
    modules = dict(unet.named_modules())
    layers = [name for name in unet.attn_processors if not name.endswith("attn1.processor")]
    for place, layer in enumerate(layers):
        hidden = modules[layer.removesuffix(".processor")].to_k.weight.shape[0]
        for kind in "kv":
            tensors[f"ip_adapter.{2 * place + 1}.to_{kind}_ip.weight"] = random(hidden, width)
    if plus:
        proj = {
            "latents": random(1, TOKENS, INNER),
            "proj_in.weight": random(INNER, HIDDEN, deviation=0.2),
            "proj_in.bias": random(INNER),
            "proj_out.weight": random(width, INNER, deviation=0.2),
            "proj_out.bias": random(width),
            "norm_out.weight": 1 + random(width, deviation=0.1),
            "norm_out.bias": random(width),
        }
        for layer in range(4):
            own = f"layers.{layer}."
            proj |= {
                own + "0.norm1.weight": torch.ones(INNER),
                own + "0.norm1.bias": torch.zeros(INNER),
                own + "0.norm2.weight": torch.ones(INNER),
                own + "0.norm2.bias": torch.zeros(INNER),
                own + "0.to_q.weight": random(64, INNER, deviation=0.2),
                own + "0.to_kv.weight": random(128, INNER, deviation=0.2),
                own + "0.to_out.weight": random(INNER, 64, deviation=0.2),
                own + "1.0.weight": torch.ones(INNER),
                own + "1.0.bias": torch.zeros(INNER),
                own + "1.1.weight": random(4 * INNER, INNER, deviation=0.1),
                own + "1.3.weight": random(INNER, 4 * INNER, deviation=0.1),
            }
    else:
        proj = {
            "proj.weight": random(4 * width, EMBEDDING, deviation=0.2),
            "proj.bias": random(4 * width),
            "norm.weight": 1 + random(width, deviation=0.1),
            "norm.bias": random(width),
        }
    tensors |= {f"image_proj.{name}": tensor for name, tensor in proj.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    if not (path.parent / "image_encoder").exists():
        tiny_encoder(path.parent / "image_encoder")
    return path
