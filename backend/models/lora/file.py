"""LoRA files: what is in them, whether they fit a model, and their factors.

Safetensors only, in the formats of diffusers (new and old), PEFT, kohya's trainer, OneTrainer and
LyCORIS.
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

from backend.contracts.errors import ModelProblem, told
from backend.models.catalog.safetensors_header import Shapes, is_safetensors_name, read_shapes
from backend.models.catalog.traits import Traits
from backend.models.lora import dora, lycoris, transformer_names
from backend.models.lora.key_names import Factor, factors
from backend.models.lora.metadata import Metadata, read_metadata
from backend.models.tensors import named_modules
from backend.models.text.embedding_header import BUNDLED, bundled_names

# Of biases and norms, which some trainers change too.
NO_WEIGHTS = (".diff_b", ".b_norm", ".w_norm", ".bias")


class LayerShape(NamedTuple):
    """Shapes of a layer's factors: A (r, in) or (r, in, k, k); B (out, r) or (out, r, 1, 1).

    Of a DoRA also that of its magnitudes, (out, 1) or (1, in).
    """

    down: tuple[int, ...]
    up: tuple[int, ...]
    magnitude: tuple[int, int] | None = None

    @property
    def rank(self) -> int:
        """r."""
        return self.down[0]


class LowRank(NamedTuple):
    """The change of one layer at weight 1: scale * B A, or what a DoRA makes of that.

    Attributes:
        A: (r, in) or (r, in, k, k), as in the file.
        B: (out, r) or (out, r, 1, 1), as in the file.
        scale: alpha / r.
        magnitude: Of a DoRA, (out, 1) or (1, in); see `dora.difference`.
        factor: Of the block that the layer is in, times all of that.
    """

    A: torch.Tensor
    B: torch.Tensor
    scale: float
    magnitude: torch.Tensor | None = None
    factor: float = 1.0


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
        bundled: Embeddings inside the file; each is a word of prompts.
        left_out: What else is in the file and does not act, a sentence each.
    """

    name: str
    path: Path
    bytes: int = 0
    traits: Traits = field(default_factory=Traits)
    layers: Mapping[str, LayerShape] = field(default_factory=dict[str, LayerShape])
    metadata: Metadata = field(default_factory=Metadata)
    problem: str | None = None
    bundled: tuple[str, ...] = ()
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
        return sum(
            tensor.nbytes
            for delta in self.deltas.values()
            for tensor in (delta.A, delta.B, delta.magnitude)
            if tensor is not None
        )


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
        raise ModelProblem(f"{path.name} cannot be read: {told(error)}.") from None
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.element_size() == 1:  # hardly anything is defined
            tensors[key] = tensor = tensor.float()
        whole = key.endswith(".alpha") and not tensor.is_complex()  # some write them as integers
        if not (tensor.is_floating_point() or whole) or not bool(torch.isfinite(tensor).all()):
            raise ModelProblem(f"{path.name} is damaged: '{key[:120]}' is not finite.")
    tensors = transformer_names.plain(lycoris.plain(tensors))
    alphas = _alphas(names, tensors)
    factor_of = {names[key]: tensors[key] for key in names}
    magnitudes = _by_module(names, dora.magnitude_keys(tensors))
    deltas: dict[str, LowRank] = {}
    for module, shape in info.layers.items():
        magnitude = None
        if shape.magnitude is not None:
            magnitude = tensors[magnitudes[module]].float().reshape(shape.magnitude)
        deltas[module] = LowRank(
            factor_of[Factor(module, "A")],
            factor_of[Factor(module, "B")],
            info.metadata.scale(module, shape.rank, alphas.get(module)),
            magnitude,
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
            f"{path.name} is not a .safetensors file; other formats can run code when opened. A "
            f"pickle becomes one by: python -m backend.models.convert "
            f"{path.parent.name}/{path.name}"
        )
    every = read_shapes(path)
    aside = {key for key in every if key.startswith(BUNDLED) or key.endswith(NO_WEIGHTS)}
    shapes = {key: shape for key, shape in every.items() if key not in aside}
    try:
        with safe_open(path, framework="pt") as file:
            raw = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ModelProblem(f"{path.name} is damaged: {told(error)}.") from None
    plain = _plain_shapes(shapes)
    magnitudes = dora.magnitude_keys(plain)
    metadata = read_metadata(raw, path)
    try:
        names = factors(key for key in plain if key not in set(magnitudes.values()))
    except ModelProblem as error:
        base = metadata.architecture
        called = f" Its trainer calls its base ‘{base[:60]}’." if base else ""
        raise ModelProblem(f"{error}{called}") from None
    layers = _layers(names, plain, magnitudes)
    if metadata.is_dora and not magnitudes:
        raise ModelProblem(
            "Its settings say that it is a DoRA, but it holds no magnitudes; save it anew."
        )
    others = sum(not key.startswith(BUNDLED) for key in aside)
    info = LoraInfo(
        path.stem,
        path,
        path.stat().st_size,
        _traits(layers, metadata),
        layers,
        metadata,
        bundled=bundled_names(every),
        left_out=(
            f"Its {others} biases and scales of norms are left out; the layers' weights act.",
        )
        if others
        else (),
    )
    return info, names, shapes


def _plain_shapes(shapes: Shapes) -> Shapes:
    """Of the plain factors under diffusers' names; tensors that hold nothing stand for them."""
    if not any(lycoris.is_foreign(key) or transformer_names.is_foreign(key) for key in shapes):
        return shapes
    marks = {k: torch.empty(tuple(s), device="meta") for k, s in shapes.items()}
    made = transformer_names.plain(lycoris.plain(marks))
    return {key: tuple(tensor.shape) for key, tensor in made.items()}


def _layers(
    names: Mapping[str, Factor], shapes: Shapes, magnitudes: Mapping[str, str]
) -> Mapping[str, LayerShape]:
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
    for module, key in _by_module(names, magnitudes).items():
        down, up = layers[module].down, layers[module].up
        layers[module] = LayerShape(down, up, dora.check(key, shapes[key], up[0], down[1]))
    return MappingProxyType(layers)


def _traits(layers: Mapping[str, LayerShape], metadata: Metadata) -> Traits:
    widths = (s.down[1] for module, s in layers.items() if module.endswith("attn2.to_k"))
    second = any(module.startswith("text_encoder_2.") for module in layers)
    return Traits(next(widths, 0), 2 if second else 0, metadata.architecture)


def _by_module(names: Mapping[str, Factor], keys: Mapping[str, str]) -> dict[str, str]:
    """What stands beside layers, by module.

    Args:
        names: Of the factors.
        keys: Keys by their layers' names in the file.

    Raises:
        ModelProblem: One belongs to no layer.
    """
    module_of = _modules_by_base(names)
    found: dict[str, str] = {}
    for base, key in keys.items():
        if base not in module_of:
            raise ModelProblem(f"Its tensor '{key[:120]}' belongs to no LoRA that is known.")
        found[module_of[base]] = key
    return found


def _modules_by_base(names: Mapping[str, Factor]) -> dict[str, str]:
    """Modules by their names in the file: "X" of "X.lora_down.weight", or "X.lora.down.weight"."""
    module_of: dict[str, str] = {}
    for key, factor in names.items():
        for depth in (2, 3):
            module_of.setdefault(key.rsplit(".", depth)[0], factor.module)
    return module_of


def _alphas(names: Mapping[str, Factor], tensors: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Alpha by module: "X.alpha" belongs to the layer "X"."""
    module_of = _modules_by_base(names)
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
