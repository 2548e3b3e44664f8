"""LoHa, LoKr and whole differences: the plain factors give what their formulas give."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.contracts.errors import ModelProblem
from backend.models.lora.file import inspect, read
from backend.models.lora.lycoris import plain

BASE = "lora_unet_down_blocks_0_attentions_0_proj_in"
MODULE = "unet.down_blocks.0.attentions.0.proj_in"


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def named(parts: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{BASE}.{name}": tensor.contiguous() for name, tensor in parts.items()}


def loha(rank: int = 3) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    a1, b1 = random(12, rank, seed=1), random(rank, 8, seed=2)
    a2, b2 = random(12, rank, seed=3), random(rank, 8, seed=4)
    parts = {"hada_w1_a": a1, "hada_w1_b": b1, "hada_w2_a": a2, "hada_w2_b": b2}
    return parts | {"alpha": torch.tensor(1.5)}, (a1 @ b1) * (a2 @ b2) * (1.5 / rank)


def lokr(kind: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    w1, w2 = random(3, 2, seed=1), random(4, 5, seed=2)
    if kind == "whole":  # alpha has no meaning there
        return {"lokr_w1": w1, "lokr_w2": w2, "alpha": torch.tensor(8.0)}, torch.kron(w1, w2)
    if kind == "convolution":
        w2 = random(4, 5, 3, 3, seed=2)
        made = torch.einsum("ab,cdkl->acbdkl", w1, w2).reshape(12, 10, 3, 3)
        return {"lokr_w1": w1, "lokr_w2": w2}, made
    up, down = random(4, 2, seed=3), random(2, 5, seed=4)
    parts = {"lokr_w2_a": up, "lokr_w2_b": down, "alpha": torch.tensor(1.0)}
    if kind == "right":
        return {"lokr_w1": w1, **parts}, torch.kron(w1, up @ down) / 2
    left, right = random(3, 2, seed=5), random(2, 2, seed=6)
    parts |= {"lokr_w1_a": left, "lokr_w1_b": right}
    return parts, torch.kron(left @ right, up @ down) / 2


def difference(kind: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    shape = {"wide": (4, 9), "tall": (9, 4), "convolution": (4, 3, 3, 3)}[kind]
    made = random(*shape, seed=1)
    return {"diff": made}, made


def tucker(kind: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """As LyCORIS' `rebuild_tucker`, and kohya's chain of three convolutions."""
    core = [random(3, 3, 2, 2, seed=n) for n in (1, 2)]
    outer = [random(3, 12, seed=n) for n in (3, 4)]
    inner = [random(3, 8, seed=n) for n in (5, 6)]
    whole = [
        torch.einsum("ijkl,ip,jr->prkl", t, a, b)
        for t, a, b in zip(core, outer, inner, strict=True)
    ]
    if kind == "loha":
        names = ("hada_t1", "hada_w1_a", "hada_w1_b", "hada_t2", "hada_w2_a", "hada_w2_b")
        tensors = (core[0], outer[0], inner[0], core[1], outer[1], inner[1])
        parts = dict(zip(names, tensors, strict=True)) | {"alpha": torch.tensor(6.0)}
        return parts, whole[0] * whole[1] * 2
    if kind == "lokr":
        w1 = random(3, 2, seed=7)
        parts = {"lokr_w1": w1, "lokr_t2": core[0], "lokr_w2_a": outer[0], "lokr_w2_b": inner[0]}
        made = torch.einsum("ab,cdkl->acbdkl", w1, whole[0]).reshape(36, 16, 2, 2)
        return parts, made
    down, up = inner[0][:, :, None, None], outer[0].T[:, :, None, None]
    parts = {"lora_down.weight": down, "lora_up.weight": up, "lora_mid.weight": core[0]}
    return parts, torch.einsum("ri,srkl,os->oikl", inner[0], core[0], outer[0].T)


CASES = {
    "loha": loha(),
    **{f"tucker {kind}": tucker(kind) for kind in ("loha", "lokr", "locon")},
    **{f"lokr {kind}": lokr(kind) for kind in ("whole", "right", "both", "convolution")},
    **{f"difference {kind}": difference(kind) for kind in ("wide", "tall", "convolution")},
}


@pytest.mark.parametrize("case", CASES)
def test_the_change_is_the_formulas(case: str, tmp_path: Path) -> None:
    parts, wanted = CASES[case]
    path = tmp_path / "x.safetensors"
    save_file(named(parts), path)
    delta = read(path).deltas[MODULE]
    made = delta.scale * (delta.B.flatten(1) @ delta.A.flatten(1))
    assert torch.allclose(made, wanted.flatten(1), rtol=1e-5, atol=1e-6)
    shape = inspect(path).layers[MODULE]
    assert (shape.down, shape.up) == (tuple(delta.A.shape), tuple(delta.B.shape))


def test_plain_layers_of_the_same_file_stay() -> None:
    other = {
        "lora_unet_x.lora_down.weight": random(2, 4, seed=1),
        "lora_unet_x.alpha": torch.ones(()),
    }
    made = plain({**named(loha()[0]), **other})
    assert all(made[key] is tensor for key, tensor in other.items())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hada_w2_b": None}, "incomplete or damaged"),
        ({"hada_w2_b": (3, 9)}, "incomplete or damaged"),
        ({"hada_t1": (3, 3, 3, 3)}, "incomplete or damaged"),
        (
            {"hada_w1_a": (12, 9000), "hada_w1_b": (9000, 8), "hada_w2_a": (12, 9000),
             "hada_w2_b": (9000, 8)},
            "larger than any model",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_said(
    change: dict[str, tuple[int, ...] | None], says: str
) -> None:
    parts = {name: tensor.to("meta") for name, tensor in loha()[0].items()}
    for name, shape in change.items():
        if shape is None:
            del parts[name]
        else:
            parts[name] = torch.empty(shape, device="meta")
    with pytest.raises(ModelProblem, match=says):
        plain(named(parts))


def test_lycoris_by_itself_names_layers_as_kohya_does_but_for_the_beginning(tmp_path: Path) -> None:
    parts, wanted = CASES["lokr right"]
    alone = {key.replace("lora_unet_", "lycoris_"): value for key, value in named(parts).items()}
    path = tmp_path / "x.safetensors"
    save_file(alone, path)
    delta = read(path).deltas[MODULE]
    made = delta.scale * (delta.B.flatten(1) @ delta.A.flatten(1))
    assert torch.allclose(made, wanted.flatten(1), rtol=1e-5, atol=1e-6)
