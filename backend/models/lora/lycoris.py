"""LoHa, LoKr, Tucker's form and whole differences as plain factors B A, exactly.

- LoHa (Hyeon-Woo et al. 2021, 2108.06098, eq. 3): (B1 A1) o (B2 A2) is one product whose factors
  are the row- and column-wise Kronecker products of theirs, of rank r1 r2.
- LoKr (Yeh et al. 2023, 2309.14859, sec. 3.2): C x D with D = B A is (C x B) (I x A).
- A LoCon in Tucker's form is a convolution between two of 1x1; the first two are one, A. LoHa and
  LoKr in that form are worked out whole.
- A whole difference D is I D, or D I.

So the mix, its sliders and its exact restore need to know nothing of them. Names as the trainers
of LyCORIS and kohya write them: `<layer>.hada_w1_a`, `<layer>.lokr_w1`, `<layer>.diff`. Where
LyCORIS is used by itself, a UNet's layers begin with `lycoris_` and are else called as kohya's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from backend.contracts.errors import ModelProblem

MAX_ELEMENTS = 2**28
"""Of a layer's factors; the factors of a small file can be large ones."""
_MARKS = (".hada_", ".lokr_", ".diff")
_MIDDLE = ".lora_mid.weight"
_BY_ITSELF = re.compile(r"lycoris_(?=(?:down|mid|up)_block|conv_in|conv_out|time_emb|add_emb)")


def is_foreign(key: str) -> bool:
    """Whether a tensor is part of such a layer."""
    named = key.endswith(_MIDDLE) or any(mark in key for mark in _MARKS)
    return named or _BY_ITSELF.match(key) is not None


def plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same changes as `<layer>.lora_down.weight` and `.lora_up.weight`, with their alpha.

    Works on tensors of the device "meta" too, where only shapes count.

    Args:
        tensors: Of a file, by key; those of plain LoRAs stay as they are.

    Raises:
        ModelProblem: A layer is incomplete, does not fit together, or is of a refused kind.
    """
    rest: dict[str, Tensor] = {}
    layers: dict[str, dict[str, Tensor]] = {}
    tensors = {_BY_ITSELF.sub("lora_unet_", key): tensor for key, tensor in tensors.items()}
    for key, tensor in tensors.items():
        if key.endswith(_MIDDLE):
            continue
        if is_foreign(key):
            base, _, part = key.rpartition(".")
            layers.setdefault(base, {})[part] = tensor
        else:
            rest[key] = tensor
    for key in [key for key in tensors if key.endswith(_MIDDLE)]:
        base = key.removesuffix(_MIDDLE)
        try:
            rest[f"{base}.lora_down.weight"] = _narrowed(
                rest[f"{base}.lora_down.weight"], tensors[key]
            )
        except (KeyError, RuntimeError, IndexError, ValueError):
            raise ModelProblem(f"Its layer '{base[:120]}' is incomplete or damaged.") from None
    for base, parts in layers.items():
        try:
            up, down, rank = _factors(parts)
        except (KeyError, RuntimeError, IndexError, ValueError):
            raise ModelProblem(f"Its layer '{base[:120]}' is incomplete or damaged.") from None
        rest[f"{base}.lora_up.weight"], rest[f"{base}.lora_down.weight"] = up, down
        alpha = rest.pop(f"{base}.alpha", None)
        if alpha is not None and rank is not None:
            # The scale is alpha / r of the file's rank; ours is of the plain factors' rank.
            rest[f"{base}.alpha"] = alpha.float() * (len(down) / rank)
    return rest


def _factors(parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, int | None]:
    """B, A, and the rank that the file's alpha belongs to; None where it has no meaning."""
    parts = {name: tensor.float() for name, tensor in parts.items()}
    if "hada_w1_a" in parts:
        return _hadamard(parts)
    if any(name.startswith("lokr_w1") for name in parts):
        return _kronecker(parts)
    return *whole(parts["diff"]), None


def _narrowed(down: Tensor, middle: Tensor) -> Tensor:
    """A 1x1 convolution and the one behind it as one, (r, in, k, k)."""
    flat = down.float().flatten(1)
    return torch.einsum("rskl,si->rikl", middle.float(), flat)


def _tucker(core: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """(r, r, k, k), (r, out) and (r, in) -> (out, in, k, k)."""
    _check(up.shape[1], down.shape[1] * core[0, 0].numel(), len(up))
    return torch.einsum("ijkl,io,jp->opkl", core, up, down)


def _hadamard(parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, int]:
    if "hada_t1" in parts:
        product = _tucker(parts["hada_t1"], parts["hada_w1_a"], parts["hada_w1_b"]) * _tucker(
            parts["hada_t2"], parts["hada_w2_a"], parts["hada_w2_b"]
        )
        return *whole(product), len(parts["hada_w1_b"])
    up1, down1, up2, down2 = (parts[f"hada_{name}"] for name in ("w1_a", "w1_b", "w2_a", "w2_b"))
    rank, inner = len(down1), down1.shape[1:]
    _check(len(up1), down1[0].numel(), rank * len(down2))
    up = torch.einsum("op,oq->opq", up1, up2).flatten(1)
    down = torch.einsum("pi,qi->pqi", down1.flatten(1), down2.flatten(1)).flatten(0, 1)
    down = down.reshape(len(down), *inner)
    return _shaped(up, down), down, rank


def _kronecker(parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, int | None]:
    rank = next((len(parts[n]) for n in ("lokr_w1_b", "lokr_w2_b") if n in parts), None)
    left = parts["lokr_w1"] if "lokr_w1" in parts else parts["lokr_w1_a"] @ parts["lokr_w1_b"]
    if "lokr_w2" in parts:
        up, down = whole(parts["lokr_w2"])
    elif "lokr_t2" in parts:
        up, down = whole(_tucker(parts["lokr_t2"], parts["lokr_w2_a"], parts["lokr_w2_b"]))
    else:
        up, down = parts["lokr_w2_a"].flatten(1), parts["lokr_w2_b"]
    _check(len(left) * len(up), left.shape[1] * down[0].numel(), left.shape[1] * len(down))
    size = down.shape[1:]
    eye = torch.eye(left.shape[1], device=down.device)
    # (C x D)[ac, bd] = C[ab] D[cd]; D = B A runs over its own rank for each b.
    wide = torch.einsum("be,rix->breix", eye, down.flatten(2) if down.ndim > 2 else down[..., None])
    wide = wide.reshape(left.shape[1] * len(down), left.shape[1] * size[0], *size[1:])
    return _shaped(torch.kron(left, up.flatten(1)), wide), wide, rank


def whole(difference: Tensor) -> tuple[Tensor, Tensor]:
    """B and A of a whole difference, the smaller of the two an identity."""
    rows, columns = len(difference), difference[0].numel()
    if difference.ndim == 2 and columns < rows:
        return difference, torch.eye(columns, device=difference.device)
    return _shaped(torch.eye(rows, device=difference.device), difference), difference


def _shaped(up: Tensor, down: Tensor) -> Tensor:
    return up.reshape(*up.shape, 1, 1) if down.ndim == 4 else up


def _check(rows: int, columns: int, rank: int) -> None:
    if rank * (rows + columns) > MAX_ELEMENTS:
        raise ModelProblem("One of its layers is larger than any model's.")
