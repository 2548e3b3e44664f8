"""What the model cache expects of a model before it is loaded."""

from __future__ import annotations

from pathlib import Path

import torch

from backend.engine.local.cache import expected_bytes
from backend.families.registry import FAMILIES
from backend.models.autoencoder import vae_file
from backend.models.autoencoder.vae_file import load_vae
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import module_bytes
from backend.models.memory.devices import pick
from tests.tiny import tiny_checkpoint, tiny_vae


def test_a_separate_autoencoder_counts_its_bytes_in_its_own_precision(tmp_path: Path) -> None:
    tiny_vae().save_pretrained(tmp_path / "vae" / "other")
    catalog, half = Catalog([tmp_path], FAMILIES), pick("cpu", "bfloat16")
    full = module_bytes(load_vae(catalog.find("vae", "other"), pick("cpu", "float32")).model)
    key = vae_file.cache_key("other", torch.float32)
    assert expected_bytes(catalog, key, half) == full > 0
    assert expected_bytes(catalog, vae_file.cache_key("other", torch.bfloat16), half) == full // 2
    assert expected_bytes(catalog, vae_file.cache_key("nowhere", torch.float32), half) == 0


def test_a_checkpoint_counts_all_its_parts(tmp_path: Path) -> None:
    tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    catalog, full = Catalog([tmp_path], FAMILIES), pick("cpu", "float32")
    loaded = FAMILIES.load(catalog.checkpoint("tiny"), full).nbytes
    assert abs(expected_bytes(catalog, "tiny", full) - loaded) < 0.01 * loaded
