"""Hashes of weights follow the files, and are remembered."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.hashes import content_hash, part_hashes

UNET = "unet/diffusion_pytorch_model.safetensors"


def test_content_hash_is_the_files_sha256_and_follows_changes(folder: Path, tmp_path: Path) -> None:
    info = Catalog([tmp_path], FAMILIES).checkpoint("x")
    digest = hashlib.sha256((folder / UNET).read_bytes()).hexdigest()
    assert content_hash(info) == digest[:10]
    data = bytearray((folder / UNET).read_bytes())
    data[-1] ^= 1
    (folder / UNET).write_bytes(bytes(data))
    os.utime(folder / UNET, ns=(1, 1))
    assert content_hash(info) == hashlib.sha256(data).hexdigest()[:10]


def test_content_hash_is_remembered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = Catalog([tmp_path], FAMILIES).checkpoint("x")
    first = content_hash(info)
    monkeypatch.setattr(hashlib, "sha256", None)
    assert content_hash(info) == first


def test_parts_beside_the_unet_are_hashed_one_by_one(folder: Path, tmp_path: Path) -> None:
    info = Catalog([tmp_path], FAMILIES).checkpoint("x")
    found = part_hashes(info)
    assert set(found) == {"vae", "text_encoder"}
    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    assert found["vae"] == hashlib.sha256(vae.read_bytes()).hexdigest()[:10]
    assert part_hashes(replace(info, path=vae)) == {}  # a single file is hashed whole
