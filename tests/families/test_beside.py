"""Parts beside a transformer are found by what is in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.contracts.errors import ModelProblem
from backend.families.beside import Wanted, find, width_of


def put(root: Path, name: str, key: str, shape: tuple[int, ...]) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: torch.zeros(shape)}, path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return put(tmp_path, "diffusion_models/deep/alone.safetensors", "x", (1,))


def test_the_name_says_nothing_and_the_width_decides(tmp_path: Path, file: Path) -> None:
    mark = "text_model.embeddings.token_embedding.weight"
    put(tmp_path, "text_encoders/clip_l.safetensors", mark, (9, 1280))
    right = put(tmp_path, "CLIP/some/where/b.safetensors", mark, (9, 768))
    assert find(file, [Wanted("clip", 768)], "Flux.1") == {"clip": right}
    with pytest.raises(ModelProblem, match=r"CLIP-L \(640 wide"):
        find(file, [Wanted("clip", 640)], "Flux.1")


def test_tokenizers_are_told_apart_by_their_kind(tmp_path: Path, file: Path) -> None:
    for name, model in (
        ("clip", {"type": "BPE", "end_of_word_suffix": "</w>"}),
        ("qwen", {"type": "BPE"}),
        ("t5", {"type": "Unigram"}),
    ):
        path = tmp_path / "text_encoders" / name / "tokenizer.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"model": model}))
    (tmp_path / "text_encoders" / "a" / "tokenizer.json").parent.mkdir()
    (tmp_path / "text_encoders" / "a" / "tokenizer.json").write_text("{")
    found = find(file, [Wanted("t5 tokenizer"), Wanted("qwen3 tokenizer")], "it")
    assert found["t5 tokenizer"].parent.name == "t5"
    assert found["qwen3 tokenizer"].parent.name == "qwen"


def test_a_damaged_file_is_none(tmp_path: Path, file: Path) -> None:
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "ae.safetensors").write_bytes(b"short")
    with pytest.raises(ModelProblem, match="an autoencoder of 16 channels"):
        find(file, [Wanted("vae", 16)], "Flux.1")


def test_another_kind_has_no_width() -> None:
    assert width_of("t5", {"decoder.conv_in.weight": (8, 16, 3, 3)}) == 0
    assert width_of("vae", {"first_stage_model.decoder.conv_in.weight": (8, 16, 3, 3)}) == 16
