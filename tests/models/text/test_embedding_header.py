"""Headers of textual inversions: their forms, their size, and what is something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.models.text.embedding_header import (
    MAX_VECTORS,
    header_of,
    inspect_embedding,
    stamp,
)


def saved(path: Path, **shapes: tuple[int, ...]) -> Path:
    save_file({key: np.zeros(shape, np.float32) for key, shape in shapes.items()}, path)
    return path


@pytest.mark.parametrize(
    ("shapes", "widths", "vectors", "family"),
    [
        ({"emb_params": (3, 768)}, (768,), 3, "sd1"),
        ({"emb_params": (2, 1024)}, (1024,), 2, "sd2"),
        ({"<bad-hands>": (768,)}, (768,), 1, "sd1"),
        ({"clip_l": (2, 768), "clip_g": (2, 1280)}, (768, 1280), 2, "sdxl"),
        ({"emb_params": (2, 32)}, (32,), 2, "sd"),
    ],
)
def test_each_form_is_read(
    shapes: dict[str, tuple[int, ...]],
    widths: tuple[int, ...],
    vectors: int,
    family: str,
    tmp_path: Path,
) -> None:
    found = inspect_embedding(saved(tmp_path / "a.safetensors", **shapes))
    assert (found.widths, found.vectors) == (widths, vectors)
    assert FAMILIES.kin(found.traits).name == family


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"a": (2, 8), "b": (2, 8)}, "Is it a LoRA"),
        ({"clip_l": (2, 768), "clip_g": (3, 1280)}, "do not belong together"),
        ({"emb_params": (2, 3, 4)}, "do not belong together"),
        ({"emb_params": (0, 768)}, "do not belong together"),
        ({"emb_params": (MAX_VECTORS + 1, 8)}, "76 tokens"),
    ],
)
def test_something_else_is_refused_with_the_reason(
    shapes: dict[str, tuple[int, ...]], said: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "a.safetensors", **shapes)
    with pytest.raises(ModelProblem, match=said):
        inspect_embedding(path)
    assert header_of(path) is None


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.safetensors", emb_params=(3, 768))
    first = header_of(path)
    before = stamp(path)
    saved(path, emb_params=(4, 768))
    assert stamp(path) != before
    second = header_of(path)
    assert first is not None
    assert second is not None
    assert (first.vectors, second.vectors) == (3, 4)
    path.unlink()
    assert header_of(path) is None
