"""LoRA files by name, read once and kept within a budget."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from backend.contracts.errors import UnknownName
from backend.contracts.holdings import Holding
from backend.engine.local.loras import LoraFiles
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from tests.lora_files import write

LAYER = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"


def lora(path: Path, value: float = 1.0) -> Path:
    return write(
        path,
        {
            f"{LAYER}.lora_A.weight": torch.full((2, 32), value),
            f"{LAYER}.lora_B.weight": torch.full((32, 2), value),
        },
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        lora(tmp_path / "loras" / f"{name}.safetensors")
    return tmp_path


def shelf(root: Path, **budget: int) -> LoraFiles:
    return LoraFiles(Catalog([root], FAMILIES), **budget)


def test_a_file_is_read_once_while_it_stays_as_it_is(root: Path) -> None:
    kept, path = shelf(root), root / "loras" / "a.safetensors"
    first = kept.read("a")
    assert first.info.name == "a"
    assert kept.read("a") is first
    lora(path, 2.0)
    os.utime(path, ns=(10**18, 10**18))
    again = kept.read("a")
    assert again is not first
    assert again.content_hash != first.content_hash


def test_two_files_of_one_stem_keep_their_names(root: Path) -> None:
    lora(root / "loras" / "other" / "a.safetensors", 3.0)
    kept = shelf(root)
    names = sorted(
        info.name for info in Catalog([root], FAMILIES).models("lora") if "a" in info.name
    )
    assert len(names) == 2
    assert [kept.read(name).info.name for name in names] == names


def test_an_unknown_name_is_said(root: Path) -> None:
    with pytest.raises(UnknownName, match="d"):
        shelf(root).read("d")


def test_the_least_recently_used_goes_first_and_one_always_stays(root: Path) -> None:
    one = shelf(root).read("a").nbytes
    kept = shelf(root, budget_bytes=2 * one)
    a, b = kept.read("a"), kept.read("b")
    assert kept.read("a") is a
    kept.read("c")
    assert kept.read("a") is a
    assert kept.read("b") is not b
    tight = shelf(root, budget_bytes=0)
    assert tight.read("a") is tight.read("a")
    assert tight.holdings() == (Holding("LoRA files", "cpu", one),)


def test_what_is_held_can_be_let_go(root: Path) -> None:
    kept = shelf(root)
    assert kept.holdings() == ()
    first = kept.read("a")
    assert kept.release() == first.nbytes > 0
    assert kept.holdings() == ()
    assert kept.release() == 0
    assert kept.read("a") is not first


def test_where_a_new_one_goes_and_that_it_is_there(root: Path) -> None:
    kept = shelf(root)
    assert kept.folder == root / "loras"
    with pytest.raises(UnknownName):
        kept.read("new")
    lora(kept.folder / "new.safetensors")
    kept.changed()
    assert kept.read("new").name == "new"
