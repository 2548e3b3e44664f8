"""Small folders of flow transformers with random weights, as diffusers saves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    ChromaPipeline,
    ChromaTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxPipeline,
    FluxTransformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from tokenizers import pre_tokenizers
from torch import nn
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
)

from backend.families.chroma_loading import quietly
from tests.made_once import made_once
from tests.tiny import _text_config, tiny_tokenizer, tiny_vae
from tests.tiny_pixels import tiny_t5, tiny_t5_tokenizer

CHANNELS, FACTOR = 16, 4
TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% if enable_thinking %}?{% endif %}{% endif %}"
)


def tiny_flow_vae() -> AutoencoderKL:
    """Of 16 channels, with a scale and a shift."""
    vae = tiny_vae(FACTOR, CHANNELS)
    vae.register_to_config(scaling_factor=0.36, shift_factor=0.11)
    return vae.eval()


@made_once
def tiny_sd3(path: Path, *, seed: int = 0, t5: bool = True) -> Path:
    """Writes a folder of `StableDiffusion3Pipeline` of 3.5's kind and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        t5: With the third text encoder.
    """
    clip, words = tiny_tokenizer(), tiny_t5_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoders = [
            CLIPTextModelWithProjection(_text_config(clip, projection_dim=16)) for _ in range(2)
        ]
        transformer = SD3Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=CHANNELS,
            out_channels=CHANNELS,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=72,
            caption_projection_dim=32,
            pooled_projection_dim=32,
            pos_embed_max_size=32,
            dual_attention_layers=(0,),
            qk_norm="rms_norm",
        )
        reader = tiny_t5(words, 72) if t5 else None
        vae = tiny_flow_vae()
    for part in (*encoders, transformer):
        part.eval()
    StableDiffusion3Pipeline(
        transformer=_lively(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae,
        text_encoder=encoders[0],
        tokenizer=clip,
        text_encoder_2=encoders[1],
        tokenizer_2=clip,
        text_encoder_3=reader,
        tokenizer_3=words if t5 else None,
    ).save_pretrained(path)
    return path


@made_once
def tiny_flux(path: Path, *, seed: int = 0, dev: bool = True) -> Path:
    """Writes a folder of `FluxPipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        dev: Of dev's kind, else of schnell's.
    """
    clip, words = tiny_tokenizer(), tiny_t5_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text = CLIPTextModel(_text_config(clip)).eval()
        transformer = FluxTransformer2DModel(
            patch_size=1,
            in_channels=4 * CHANNELS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            guidance_embeds=dev,
            axes_dims_rope=(4, 6, 6),
        ).eval()
        reader, vae = tiny_t5(words), tiny_flow_vae()
    dynamic: dict[str, Any] = {"shift": 3.0, "use_dynamic_shifting": True}
    FluxPipeline(
        transformer=_lively(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(**(dynamic if dev else {"shift": 1.0})),
        vae=vae,
        text_encoder=text,
        tokenizer=clip,
        text_encoder_2=reader,
        tokenizer_2=words,
    ).save_pretrained(path)
    return path


def tiny_qwen_tokenizer() -> Qwen2Tokenizer:
    """Every byte is a word; with a chat template that knows `enable_thinking`."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {character: index for index, character in enumerate(alphabet)}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[])
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@made_once
def tiny_zimage(path: Path, *, seed: int = 0, shift: float = 3.0) -> Path:
    """Writes a folder of `ZImagePipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        shift: 3 is Turbo's.
    """
    words = tiny_qwen_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = Qwen3Model(
            Qwen3Config(
                vocab_size=len(words),
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=3,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=8,
                pad_token_id=words.pad_token_id,
                bos_token_id=None,
                eos_token_id=None,
            )
        ).eval()
        transformer = ZImageTransformer2DModel(
            in_channels=CHANNELS,
            dim=64,
            n_layers=2,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=32,
            axes_dims=[8, 12, 12],
            axes_lens=[1024, 64, 64],
        ).eval()
        vae = tiny_flow_vae()
        for name, parameter in transformer.named_parameters():
            if name.endswith("pad_token"):  # zeros would hide faults of the padding
                nn.init.normal_(parameter, std=0.5)
    ZImagePipeline(
        transformer=_lively(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=shift),
        vae=vae,
        text_encoder=reader,
        tokenizer=words,
    ).save_pretrained(path)
    return path


@made_once
def tiny_qwen_image(path: Path, *, seed: int = 0) -> Path:
    """Writes a folder of `QwenImagePipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
    """
    words = tiny_qwen_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = Qwen2_5_VLForConditionalGeneration(_tiny_vl(len(words))).eval()
        transformer = QwenImageTransformer2DModel(
            in_channels=4 * CHANNELS,
            out_channels=CHANNELS,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 6, 6),
        ).eval()
        vae = AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=CHANNELS,
            dim_mult=[1, 2, 2],
            num_res_blocks=1,
            temperal_downsample=[False, True],
            latents_mean=torch.randn(CHANNELS).tolist(),
            latents_std=(0.5 + torch.rand(CHANNELS)).tolist(),
        ).eval()
    _louder(vae.quant_conv, vae.decoder.conv_out, *_attentions(transformer))
    QwenImagePipeline(
        transformer=_lively(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True, max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02
        ),
        vae=vae,
        text_encoder=reader,
        tokenizer=words,
    ).save_pretrained(path)
    return path


def tiny_flux2_vae() -> AutoencoderKLFlux2:
    """Of 8 channels at half the size, 32 as the transformer has them."""
    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=8,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(2.0)
        vae.bn.running_mean.normal_()
        vae.bn.running_var.uniform_(0.3, 3.0)
    return vae.eval()


@made_once
def tiny_klein(path: Path, *, seed: int = 0, distilled: bool = False) -> Path:
    """Writes a folder of `Flux2KleinPipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        distilled: As its index says.
    """
    words = tiny_qwen_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=len(words),
                hidden_size=16,
                intermediate_size=24,
                num_hidden_layers=28,
                num_attention_heads=2,
                num_key_value_heads=1,
                head_dim=8,
                pad_token_id=words.pad_token_id,
                bos_token_id=None,
                eos_token_id=None,
            )
        ).eval()
        transformer = Flux2Transformer2DModel(
            in_channels=32,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=48,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ).eval()
        vae = tiny_flux2_vae()
    _louder(*_attentions(transformer))
    Flux2KleinPipeline(
        transformer=_lively(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=vae,
        text_encoder=reader,
        tokenizer=words,
        is_distilled=distilled,
    ).save_pretrained(path)
    return path


@made_once
def tiny_chroma(path: Path, *, seed: int = 0) -> Path:
    """Writes a folder of `ChromaPipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
    """
    words = tiny_t5_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with quietly():
            transformer = ChromaTransformer2DModel(
                in_channels=4 * CHANNELS,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=32,
                axes_dims_rope=(4, 6, 6),
                approximator_num_channels=16,
                approximator_hidden_dim=32,
                approximator_layers=1,
            ).eval()
        reader, vae = tiny_t5(words), tiny_flow_vae()
    ChromaPipeline(
        transformer=_lively(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
        vae=vae,
        text_encoder=reader,
        tokenizer=words,
    ).save_pretrained(path)
    return path


@torch.no_grad()
def _louder(*layers: Any) -> None:
    for layer in layers:
        layer.weight.mul_(4.0)


def _attentions(transformer: nn.Module) -> list[Any]:
    """What brings the prompt to the picture, which random weights hardly let it reach."""
    ends = ("txt_in", "context_embedder", "add_v_proj", "to_out.0")
    return [layer for name, layer in transformer.named_modules() if name.endswith(ends)]


def _tiny_vl(vocabulary: int) -> Qwen2_5_VLConfig:
    """Of a language model that could see, with next to no eyes."""
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": vocabulary,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [1, 1, 2],
            },
            "bos_token_id": None,
            "eos_token_id": None,
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 32,
        },
    )


def _lively(transformer: nn.Module) -> Any:
    """Random weights of the usual size say nearly nothing; their last layer speaks up."""
    with torch.no_grad():
        for name, parameter in transformer.named_parameters():
            if name.startswith("proj_out.") or ("final_layer" in name and "linear" in name):
                parameter.mul_(4.0)
    return transformer


def edited(path: Path, **changes: Any) -> None:
    """Changes a JSON file; None takes a value away."""
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: each for key, each in values.items() if each is not None}))
