"""What a transformer in a file of its own needs beside it, found by content, never by name.

Text encoders and their tokenizers lie in `text_encoders` (or `clip`, as ComfyUI has it, or
`text_encoder`, Forge's), autoencoders in `vae`, all next to the folder that the file lies in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from backend.contracts.errors import ModelProblem
from backend.models.catalog.configs import read_json
from backend.models.catalog.folders import FOLDERS, listing
from backend.models.catalog.safetensors_header import Shapes, is_safetensors_name, read_shapes

Kind = Literal["clip", "t5", "qwen3", "vae", "t5 tokenizer", "qwen3 tokenizer"]
TEXT_FOLDERS = ("text_encoders", "text_encoder", "clip")
VAE_FOLDERS = ("vae",)
DEPTH = 3
# What a tensor is called that every file of a kind has, and which of its extents is the width.
MARKS: dict[Kind, tuple[str, int]] = {
    "clip": ("embeddings.token_embedding.weight", 1),
    "t5": ("encoder.block.0.layer.0.SelfAttention.q.weight", 1),
    "qwen3": ("layers.0.self_attn.q_proj.weight", 1),
    "vae": ("decoder.conv_in.weight", 1),
}
_SAID: dict[Kind, str] = {
    "clip": "CLIP-L ({width} wide, e.g. clip_l.safetensors) in text_encoders",
    "t5": "T5's encoder ({width} wide, e.g. t5xxl_fp16.safetensors) in text_encoders",
    "qwen3": "a Qwen3 model ({width} wide, e.g. qwen_3_4b.safetensors) in text_encoders",
    "vae": "an autoencoder of {width} channels (e.g. ae.safetensors) in vae",
    "t5 tokenizer": "T5's tokenizer.json in text_encoders",
    "qwen3 tokenizer": "Qwen3's tokenizer.json in text_encoders",
}
# `model.type` of a tokenizer.json, and whether its merges end words, as CLIP's do.
_TOKENIZERS: dict[Kind, str] = {"t5 tokenizer": "Unigram", "qwen3 tokenizer": "BPE"}


@dataclass(frozen=True)
class Wanted:
    """A part that lies elsewhere.

    Attributes:
        kind: What it is.
        width: Of what the transformer takes from it; 0 where that does not matter.
    """

    kind: Kind
    width: int = 0

    @property
    def said(self) -> str:
        """What and where, in a sentence."""
        return _SAID[self.kind].format(width=self.width)


def find(path: Path, wanted: Sequence[Wanted], what: str) -> dict[Kind, Path]:
    """The parts that a file needs.

    Args:
        path: Of the transformer.
        wanted: One of each kind.
        what: The transformer is of, in a sentence.

    Raises:
        ModelProblem: Some are missing; names all of them, and where to put them.
    """
    root = _root(path)
    found: dict[Kind, Path] = {}
    for part in wanted:
        place = _find(root, part)
        if place is not None:
            found[part.kind] = place
    missing = [part.said for part in wanted if part.kind not in found]
    if missing:
        raise ModelProblem(
            f"It is the transformer of {what} alone; put what it lacks into folders beside its "
            f"own: {'; '.join(missing)}."
        )
    return found


def width_of(kind: Kind, shapes: Shapes) -> int:
    """Width of a file of that kind; 0 where it is none."""
    mark, place = MARKS[kind]
    for name, shape in shapes.items():
        if (name == mark or name.endswith(f".{mark}")) and len(shape) > place:
            return shape[place]
    return 0


def _root(path: Path) -> Path:
    for folder in path.parents:
        if folder.name.lower() in FOLDERS:
            return folder.parent
    return path.parent


def _find(root: Path, part: Wanted) -> Path | None:
    folders = VAE_FOLDERS if part.kind == "vae" else TEXT_FOLDERS
    for folder in listing(root):
        if folder.name.lower() in folders and folder.is_dir():
            for path in _files(folder, DEPTH):
                if _is(part, path):
                    return path
    return None


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for path in listing(folder):
        if not path.is_dir():
            yield path
        elif depth > 1:
            yield from _files(path, depth - 1)


def _is(part: Wanted, path: Path) -> bool:
    if part.kind in _TOKENIZERS:
        return path.name == "tokenizer.json" and _reads(path, part.kind)
    if not is_safetensors_name(path):
        return False
    try:
        return width_of(part.kind, read_shapes(path)) == part.width
    except ModelProblem:  # a damaged one is none
        return False


def _reads(path: Path, kind: Kind) -> bool:
    try:
        told: Any = read_json(path).get("model")
    except ModelProblem:
        return False
    if not isinstance(told, dict):
        return False
    model = cast("dict[str, Any]", told)
    ends_words = bool(model.get("end_of_word_suffix"))
    return model.get("type") == _TOKENIZERS[kind] and not ends_words
