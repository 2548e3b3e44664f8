"""Where models lie, and what looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.models.catalog.folders import FOLDERS, MAX_DEPTH, candidates, is_model_folder, listing


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def found(root: Path) -> set[tuple[str, str]]:
    return {(path.relative_to(root).as_posix(), kind) for _, path, kind in candidates(root)}


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_each_habit_of_naming_is_known_in_any_case(tmp_path: Path, name: str) -> None:
    put(tmp_path / name.upper() / "a.safetensors")
    put(tmp_path / "else" / "b.safetensors")
    assert found(tmp_path) == {(f"{name.upper()}/a.safetensors", FOLDERS[name])}


def test_files_and_folders_of_models_are_told_from_the_rest(tmp_path: Path) -> None:
    for name in (
        "a.safetensors",
        "b.ckpt",
        "notes.txt",
        ".hidden.safetensors",
        "sub/c.pt",
        "d.gguf",
    ):
        put(tmp_path / "checkpoints" / name)
    put(tmp_path / "checkpoints" / "whole" / "model_index.json")
    put(tmp_path / "checkpoints" / "whole" / "inside.safetensors")
    (tmp_path / "checkpoints" / "torn" / "unet").mkdir(parents=True)
    assert found(tmp_path) == {
        ("checkpoints/a.safetensors", "checkpoint"),
        ("checkpoints/b.ckpt", "checkpoint"),
        ("checkpoints/sub/c.pt", "checkpoint"),
        ("checkpoints/d.gguf", "checkpoint"),
        ("checkpoints/whole", "checkpoint"),
        ("checkpoints/torn", "checkpoint"),
    }
    assert is_model_folder(tmp_path / "checkpoints" / "torn")
    assert not is_model_folder(tmp_path / "checkpoints" / "sub")


def test_an_autoencoder_beside_a_checkpoint_is_one(tmp_path: Path) -> None:
    put(tmp_path / "Stable-diffusion" / "x.VAE.safetensors")
    assert found(tmp_path) == {("Stable-diffusion/x.VAE.safetensors", "vae")}


def test_it_looks_only_so_deep(tmp_path: Path) -> None:
    levels = [f"{level}" for level in range(MAX_DEPTH)]
    put(tmp_path.joinpath("loras", *levels[:-1], "a.safetensors"))
    put(tmp_path.joinpath("loras", *levels, "b.safetensors"))
    assert {Path(path).name for path, _ in found(tmp_path)} == {"a.safetensors"}


def test_a_folder_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    assert listing(tmp_path / "none") == []
    assert listing(put(tmp_path / "file")) == []
    assert found(tmp_path / "none") == set()
