"""What the header of a textual-inversion file tells (Gal et al. 2022, 2208.01618).

Safetensors only: A1111's (`emb_params`), diffusers' (one tensor under the word), and SDXL's
(`clip_l` and `clip_g`, one for each text encoder).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from backend.contracts.errors import LoomError, ModelProblem
from backend.models.catalog.safetensors_header import Shapes, read_shapes
from backend.models.catalog.traits import Traits

BUNDLED = "bundle_emb."  # before the tensors of embeddings inside a LoRA, as trainers write them
PAIR = ("clip_l", "clip_g")
MAX_VECTORS = 75  # what a chunk of a prompt holds


@dataclass(frozen=True)
class EmbeddingInfo:
    """What a file's header tells.

    Attributes:
        keys: Its tensors, in the order of the text encoders.
        widths: D of each text encoder that it is for.
        vectors: How many tokens of a prompt it fills.
    """

    keys: tuple[str, ...]
    widths: tuple[int, ...]
    vectors: int

    @property
    def traits(self) -> Traits:
        """What they tell of the model: the text encoder's width is the cross-attention's."""
        count = len(self.widths)
        return Traits(cross_width=self.widths[0] if count == 1 else 0, text_encoders=count)


def bundled_names(keys: Iterable[str]) -> tuple[str, ...]:
    """Names of the embeddings inside a LoRA's file."""
    inside = (key.removeprefix(BUNDLED).split(".")[0] for key in keys if key.startswith(BUNDLED))
    return tuple(sorted(set(filter(None, inside))))


def inspect_embedding(path: Path, inside: str = "") -> EmbeddingInfo:
    """Reads the header of a file.

    Args:
        path: The file.
        inside: Name of an embedding that is bundled in it; "" is the whole file.

    Raises:
        ModelProblem: It is no embedding, or cannot be used; says why.
    """
    prefix = f"{BUNDLED}{inside}." if inside else ""
    every = read_shapes(path)
    shapes = {key: shape for key, shape in every.items() if key.startswith(prefix)}
    keys = _keys(shapes, path.name, prefix)
    found = [shapes[key] if len(shapes[key]) == 2 else (1, *shapes[key]) for key in keys]
    counts = {shape[0] for shape in found}
    if len(counts) != 1 or any(len(shape) != 2 or not all(shape) for shape in found):
        raise ModelProblem(f"{path.name} is no embedding: its tensors do not belong together.")
    (count,) = counts
    if count > MAX_VECTORS:
        raise ModelProblem(
            f"{path.name} fills {count} tokens of a prompt; {MAX_VECTORS} are the most that a "
            "text encoder takes in one piece."
        )
    return EmbeddingInfo(keys, tuple(shape[1] for shape in found), count)


def _keys(shapes: Shapes, name: str, prefix: str) -> tuple[str, ...]:
    pair = tuple(prefix + key for key in PAIR)
    if set(pair) <= set(shapes):
        return pair
    if prefix + "emb_params" in shapes:
        return (prefix + "emb_params",)
    if len(shapes) == 1:
        return tuple(shapes)
    raise ModelProblem(
        f"{name} is no embedding: it holds {len(shapes)} tensors. Is it a LoRA? Those go into "
        "models/loras."
    )


def header_of(path: Path, inside: str = "") -> EmbeddingInfo | None:
    """The same, read again only when the file has changed; None where it cannot be used."""
    try:
        return _header(*stamp(path), inside)
    except (LoomError, OSError):
        return None


def stamp(path: Path) -> tuple[Path, int, int]:
    """Path, size and time: another file under the same name has another one.

    Raises:
        OSError: The file went away.
    """
    stat = path.stat()
    return path, stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=4096)
def _header(path: Path, size: int, changed_ns: int, inside: str) -> EmbeddingInfo:
    return inspect_embedding(path, inside)
