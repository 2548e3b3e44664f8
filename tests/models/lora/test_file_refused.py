"""LoRA files that are refused with a sentence, or do not fit."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from backend.contracts.errors import ModelProblem
from backend.models.lora.file import inspect, read
from tests import lora_files as files

BASE = "lora_unet_down_blocks_0_attentions_0_proj_in"


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({f"{BASE}.hada_w1_a": (4, 4)}, "incomplete"),
        ({f"{BASE}.lokr_w1": (4, 4)}, "incomplete"),
        (
            {
                f"{BASE}.lora_down.weight": (4, 16),
                f"{BASE}.lora_up.weight": (16, 4),
                f"{BASE}.dora_scale": (15,),
            },
            "do not match their layer",
        ),
        ({"unet.conv_in.lora_magnitude_vector": (4,)}, "holds no LoRA"),
        ({f"{BASE}.lora_down.weight": (4, 16)}, "incomplete"),
        ({"unet.conv_in.lora_A.weight": (4, 4, 3, 3)}, "incomplete"),
        (
            {
                "unet.mid_block.to_q.lora_A.weight": (0, 16),
                "unet.mid_block.to_q.lora_B.weight": (16, 0),
            },
            "rank 0",
        ),
        (
            {
                "unet.mid_block.to_q.lora_A.weight": (4, 16),
                "unet.mid_block.to_q.lora_B.weight": (16, 8),
            },
            "do not match",
        ),
        (
            {"unet.mid_block.to_q.lora_A.weight": (4, 16), "unet.mid_block.to_q.weight": (16, 8)},
            "belongs to no LoRA",
        ),
        ({"transformer.x.lora_A.weight": (4, 16)}, "'transformer.x' is incomplete"),
        ({"lora_prior_x.lora_A.weight": (4, 16)}, "another kind of model"),
        ({"unet.conv_in.weight": (4, 16)}, "holds no LoRA"),
        ({"vae.to_q.lora_A.weight": (4, 16)}, "no part of Stable Diffusion"),
        (
            {
                f"{BASE}.lora_down.weight": (4, 16),
                f"{BASE}.lora_up.weight": (16, 4),
                "extra.lora": (1,),
            },
            "belongs to no LoRA",
        ),
    ],
)
def test_refused_with_a_sentence(
    tmp_path: Path, keys: dict[str, tuple[int, ...]], says: str
) -> None:
    path = files.write(
        tmp_path / "bad.safetensors", {key: torch.zeros(shape) for key, shape in keys.items()}
    )
    info = inspect(path)
    assert info.problem is not None
    assert says in info.problem
    with pytest.raises(ModelProblem, match=says.replace("(", r"\(")):
        read(path)


def test_pickles_and_damaged_files(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    factors = files.random_factors(parts, ("to_q",), seed=1)
    good = files.write(tmp_path / "good.safetensors", files.diffusers_keys(factors))
    raw = good.read_bytes()
    cases = {
        "pickle.safetensors": (pickle.dumps({"to_q.lora_A": 1}), "pickle"),
        "cut.safetensors": (raw[:-5], "damaged"),
        "header.safetensors": (raw[:40], "cut short"),
        "empty.safetensors": (b"", "cut short"),
        "noise.safetensors": (bytes(range(256)) * 4, "damaged"),
        "lora.bin": (raw, "not a .safetensors"),
    }
    torch.save({"lora": torch.zeros(1)}, tmp_path / "zip.safetensors")
    cases["zip.safetensors"] = ((tmp_path / "zip.safetensors").read_bytes(), "pickle or an archive")
    for name, (content, says) in cases.items():
        (tmp_path / name).write_bytes(content)
        assert says in (inspect(tmp_path / name).problem or ""), name
        with pytest.raises(ModelProblem):
            read(tmp_path / name)
    assert "cannot be read" in (inspect(tmp_path / "none.safetensors").problem or "")


def test_a_header_whose_length_looks_like_a_pickle(
    tmp_path: Path, parts: dict[str, nn.Module]
) -> None:
    """0x80 is how a pickle begins, and the lowest byte of one header's length in 32."""
    factors = files.random_factors({"unet": parts["unet"]}, ("to_q",), seed=1)
    seen = set()
    for padding in range(0, 256, 8):
        path = files.write(
            tmp_path / "p.safetensors", files.diffusers_keys(factors), {"note": "x" * padding}
        )
        seen.add(path.read_bytes()[0])
        assert inspect(path).problem is None
    assert 0x80 in seen


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(
    tmp_path: Path, parts: dict[str, nn.Module], bad: float
) -> None:
    factors = files.random_factors(parts, ("to_q",), seed=1)
    next(iter(factors.values())).B[0, 0] = bad
    path = files.write(tmp_path / "nan.safetensors", files.diffusers_keys(factors))
    assert inspect(path).problem is None  # only the header is read
    with pytest.raises(ModelProblem, match="not finite"):
        read(path)


def test_says_why_it_does_not_fit(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    unet = {"unet": parts["unet"]}
    factors = files.random_factors(unet, ("to_q",), seed=1)

    def fits(changed: dict[str, files.Factors], model: dict[str, nn.Module]) -> str:
        path = files.write(tmp_path / "x.safetensors", files.diffusers_keys(changed))
        return inspect(path).fits(model) or ""

    module, pair = next(iter(factors.items()))
    wide = {module: files.Factors(torch.zeros(4, pair.A.shape[1] + 1), pair.B)}
    assert "another size" in fits(wide, parts)
    tall = {module: files.Factors(pair.A, torch.zeros(len(pair.B) + 1, 4))}
    assert "another size" in fits(tall, parts)
    assert "does not exist" in fits({"unet.down_blocks.9.to_q": pair}, parts)
    text = files.random_factors({"text_encoder": parts["text_encoder"]}, ("q_proj",), seed=1)
    assert "text encoder" in fits(text, unet)
