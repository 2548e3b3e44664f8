"""LoRA files: what is in them, whether they fit a model, and their factors.

Safetensors only, in the formats of diffusers (new and old), PEFT and kohya's trainer.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from backend.contracts.errors import ModelProblem
from backend.models.catalog.safetensors_header import Shapes, is_safetensors_name, read_shapes
from backend.models.catalog.traits import Traits
from backend.models.lora import lycoris
from backend.models.lora.key_names import Factor, factors
from backend.models.lora.metadata import Metadata, read_metadata
from backend.models.tensors import named_modules

BUNDLED = "bundle_emb."


class LayerShape(NamedTuple):
    """Shapes of a layer's factors: A (r, in) or (r, in, k, k); B (out, r) or (out, r, 1, 1)."""

    down: tuple[int, ...]
    up: tuple[int, ...]

    @property
    def rank(self) -> int:
        """r."""
        return self.down[0]


class LowRank(NamedTuple):
    """The change of one layer at weight 1: scale * B A.

    Attributes:
        A: (r, in) or (r, in, k, k), as in the file.
        B: (out, r) or (out, r, 1, 1), as in the file.
        scale: alpha / r.
    """

    A: torch.Tensor
    B: torch.Tensor
    scale: float


@dataclass(frozen=True)
class LoraInfo:
    """What a file's header tells.

    Attributes:
        name: File stem; what settings call it.
        path: The file.
        bytes: Its size.
        traits: What it tells of the models that it was made for.
        layers: Shapes by module path ("unet.…", "text_encoder.…").
        metadata: Trigger words, base model, scales.
        problem: Why it cannot be used; None if it can.
        left_out: What else is in the file and does not act, a sentence each.
    """

    name: str
    path: Path
    bytes: int = 0
    traits: Traits = field(default_factory=Traits)
    layers: Mapping[str, LayerShape] = field(default_factory=dict[str, LayerShape])
    metadata: Metadata = field(default_factory=Metadata)
    problem: str | None = None
    left_out: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """The rank that most layers have; 0 where nothing could be read."""
        ranks = Counter(shape.rank for shape in self.layers.values())
        return ranks.most_common(1)[0][0] if ranks else 0

    @property
    def trigger_words(self) -> tuple[str, ...]:
        """Words that bring it out, as its maker noted them."""
        return self.metadata.trigger_words

    @property
    def parts(self) -> frozenset[str]:
        """The parts of a checkpoint that it changes."""
        return frozenset(path.split(".", 1)[0] for path in self.layers)

    def fits(self, parts: Mapping[str, nn.Module]) -> str | None:
        """Why it does not fit a model, one sentence; None if it fits.

        Args:
            parts: {"unet": ..., "text_encoder": ...} of the loaded model.
        """
        if self.problem is not None:
            return self.problem
        return misfit(self, {name: modules_by_path(part) for name, part in parts.items()})


@dataclass(frozen=True, eq=False)
class LoraFile:
    """A LoRA in memory, on the CPU.

    Attributes:
        info: What its header tells.
        content_hash: SHA-256 of the whole file, hex.
        data_hash: SHA-256 of the tensors without the header, hex: what A1111 notes in a picture's
            "Lora hashes" (its first 12 digits).
        deltas: Factors by module path.
    """

    info: LoraInfo
    content_hash: str
    data_hash: str
    deltas: Mapping[str, LowRank]

    @property
    def name(self) -> str:
        """File stem; what settings call it."""
        return self.info.name

    @property
    def nbytes(self) -> int:
        """Bytes of its factors."""
        return sum(delta.A.nbytes + delta.B.nbytes for delta in self.deltas.values())


def inspect(path: Path) -> LoraInfo:
    """Reads a file's header; anything wrong becomes `problem`, so that a list can show it."""
    try:
        return _inspect(path)[0]
    except ModelProblem as error:
        problem = str(error)
    except Exception as error:  # headers of strangers hold anything
        problem = f"{path.name} is damaged ({type(error).__name__}); copy it again."
    size = path.stat().st_size if path.is_file() else 0
    return LoraInfo(path.stem, path, size, problem=problem)


def read(path: Path) -> LoraFile:
    """Reads a LoRA.

    Raises:
        ModelProblem: It cannot be used; says why.
    """
    info, names, shapes = _inspect(path)
    tensors: dict[str, torch.Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for key in shapes:
                tensors[key] = file.get_tensor(key)
        content_hash, data_hash = _hashes(path)
    except (OSError, SafetensorError) as error:
        raise ModelProblem(f"{path.name} cannot be read: {str(error)[:160]}.") from None
    for key, tensor in tensors.items():
        whole = key.endswith(".alpha") and not tensor.is_complex()  # some write them as integers
        if not (tensor.is_floating_point() or whole) or not bool(torch.isfinite(tensor).all()):
            raise ModelProblem(f"{path.name} is damaged: '{key[:120]}' is not finite.")
    tensors = lycoris.plain(tensors)
    alphas = _alphas(names, tensors)
    factor_of = {names[key]: tensors[key] for key in names}
    deltas: dict[str, LowRank] = {}
    for module, shape in info.layers.items():
        deltas[module] = LowRank(
            factor_of[Factor(module, "A")],
            factor_of[Factor(module, "B")],
            info.metadata.scale(module, shape.rank, alphas.get(module)),
        )
    return LoraFile(info, content_hash, data_hash, MappingProxyType(deltas))


def modules_by_path(part: nn.Module) -> dict[str, nn.Module]:
    """Its modules by path, "text_model." left out (transformers before 5 has it)."""
    return {name.removeprefix("text_model."): module for name, module in named_modules(part)}


def misfit(info: LoraInfo, parts: Mapping[str, Mapping[str, nn.Module]]) -> str | None:
    """See `LoraInfo.fits`; `parts` as made by `modules_by_path`."""
    width = _cross_width(parts.get("unet", {}))
    if info.traits.cross_width and width and info.traits.cross_width != width:
        return (
            "It was made for models of another size: each token of a prompt has "
            f"{info.traits.cross_width} values there, and {width} in this one."
        )
    for path, shape in info.layers.items():
        part, _, inner = path.partition(".")
        if part not in parts:
            return f"It also changes a {part.replace('_', ' ')}, which this model does not have."
        module = parts[part].get(inner)
        if not isinstance(module, (nn.Linear, nn.Conv2d)):
            return f"Its layer '{path[:120]}' does not exist in this model."
        if not _matches(shape, module):
            return (
                f"Its layer '{path[:120]}' has another size than this model's "
                f"({tuple(module.weight.shape)})."
            )
    return None


def _matches(shape: LayerShape, module: nn.Linear | nn.Conv2d) -> bool:
    weight = tuple(module.weight.shape)
    if shape.up[0] != weight[0] or shape.down[1] != weight[1]:
        return False
    # A 1x1 convolution and a linear layer are one and the same to a LoRA.
    return (shape.down[2:] or (1, 1)) == (weight[2:] or (1, 1))


def _cross_width(unet: Mapping[str, nn.Module]) -> int:
    for path, module in unet.items():
        if path.endswith("attn2.to_k") and isinstance(module, nn.Linear):
            return module.in_features
    return 0


def _inspect(path: Path) -> tuple[LoraInfo, dict[str, Factor], Shapes]:
    if not is_safetensors_name(path):
        raise ModelProblem(
            f"{path.name} is not a .safetensors file; other formats can run code when opened."
        )
    every = read_shapes(path)
    shapes = {key: shape for key, shape in every.items() if not key.startswith(BUNDLED)}
    try:
        with safe_open(path, framework="pt") as file:
            raw = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ModelProblem(f"{path.name} is damaged: {str(error)[:160]}.") from None
    plain = _plain_shapes(shapes)
    names = factors(plain)
    layers = _layers(names, plain)
    metadata = read_metadata(raw, path)
    bundled = sorted({key.removeprefix(BUNDLED).split(".")[0] for key in set(every) - set(shapes)})
    info = LoraInfo(
        path.stem,
        path,
        path.stat().st_size,
        _traits(layers, metadata),
        layers,
        metadata,
        left_out=tuple(
            f"It also holds the embedding '{name[:80]}', which is not read from here; save that as "
            "a file of its own in models/embeddings."
            for name in bundled
        ),
    )
    return info, names, shapes


def _plain_shapes(shapes: Shapes) -> Shapes:
    """Shapes of the plain factors; tensors that hold nothing stand for the file's."""
    if not any(lycoris.is_foreign(key) for key in shapes):
        return shapes
    made = lycoris.plain({k: torch.empty(tuple(s), device="meta") for k, s in shapes.items()})
    return {key: tuple(tensor.shape) for key, tensor in made.items()}


def _layers(names: Mapping[str, Factor], shapes: Shapes) -> Mapping[str, LayerShape]:
    sides: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, factor in names.items():
        sides.setdefault(factor.module, {})[factor.role] = shapes[key]
    layers: dict[str, LayerShape] = {}
    for module, pair in sides.items():
        if len(pair) != 2:
            raise ModelProblem(f"Its layer '{module[:120]}' is incomplete.")
        down, up = pair["A"], pair["B"]
        if 0 in (*down, *up):
            raise ModelProblem(f"Its layer '{module[:120]}' has rank 0: it changes nothing.")
        flat_up = all(extent == 1 for extent in up[2:])
        if {len(down), len(up)} - {2, 4} or down[0] != up[1] or not flat_up:
            raise ModelProblem(f"Its layer '{module[:120]}' has factors that do not match.")
        layers[module] = LayerShape(down, up)
    return MappingProxyType(layers)


def _traits(layers: Mapping[str, LayerShape], metadata: Metadata) -> Traits:
    widths = (s.down[1] for module, s in layers.items() if module.endswith("attn2.to_k"))
    second = any(module.startswith("text_encoder_2.") for module in layers)
    return Traits(next(widths, 0), 2 if second else 0, metadata.architecture)


def _alphas(names: Mapping[str, Factor], tensors: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Alpha by module: "X.alpha" belongs to "X.lora_down.weight", or "X.lora.down.weight"."""
    module_of: dict[str, str] = {}
    for key, factor in names.items():
        for depth in (2, 3):
            module_of.setdefault(key.rsplit(".", depth)[0], factor.module)
    alphas: dict[str, float] = {}
    for key, tensor in tensors.items():
        if key.endswith(".alpha") and (module := module_of.get(key.removesuffix(".alpha"))):
            alphas[module] = float(tensor.float().reshape(-1)[0])
    return alphas


def _hashes(path: Path) -> tuple[str, str]:
    """(of the whole file, of all behind its header)."""
    whole, data = hashlib.sha256(), hashlib.sha256()
    with path.open("rb") as file:
        prefix = file.read(8)
        header = file.read(int.from_bytes(prefix, "little"))
        whole.update(prefix + header)
        while block := file.read(1 << 20):
            whole.update(block)
            data.update(block)
    return whole.hexdigest(), data.hexdigest()
