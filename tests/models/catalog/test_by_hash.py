"""Files under another name are found by the hashes that records hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.models.catalog.by_hash import Hashes, auto_v1
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.hashes import content_hash


def info(path: Path, seed: int = 0, metadata: dict[str, str] | None = None) -> ModelInfo:
    values = torch.rand(600_000, generator=torch.Generator().manual_seed(seed))
    save_file({"x": values}, path, metadata)  # 2.4 MB: the short hash is of the second
    return ModelInfo(path.stem, path, "lora", bytes=path.stat().st_size, weights=(path,))


@pytest.fixture
def infos(tmp_path: Path) -> list[ModelInfo]:
    return [info(tmp_path / f"{name}.safetensors", number) for number, name in enumerate("abc")]


def hashes(path: Path) -> dict[str, str]:
    data = path.read_bytes()
    behind = data[8 + int.from_bytes(data[:8], "little") :]
    whole = hashlib.sha256(data).hexdigest()
    return {
        "AutoV1": hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8],
        "AutoV2": whole[:10],
        "whole": whole.upper(),
        "AutoV3": hashlib.sha256(behind).hexdigest()[:12],
        "prefixed": "0x" + hashlib.sha256(behind).hexdigest(),
    }


@pytest.mark.parametrize("kind", ["AutoV1", "AutoV2", "whole", "AutoV3", "prefixed"])
def test_each_of_the_fields_hashes_finds_its_file(infos: list[ModelInfo], kind: str) -> None:
    for one in infos:
        assert Hashes().find(infos, hashes(one.path)[kind]) == one


def test_what_is_no_hash_or_nobodys_finds_nothing(infos: list[ModelInfo]) -> None:
    for text in ("", "abc", "0" * 10, "f" * 64, "pocket", "g" * 10):
        assert Hashes().find(infos, text) is None


def test_a_hash_in_the_header_is_believed_without_reading(tmp_path: Path) -> None:
    one = info(tmp_path / "k.safetensors", metadata={"sshs_model_hash": "0x" + "ab" * 32})
    assert Hashes(most_bytes=0).find([one], "ab" * 6) == one


def test_a_search_reads_so_much_and_the_next_goes_on(infos: list[ModelInfo]) -> None:
    last = sorted(infos, key=lambda one: one.bytes)[-1]
    search = Hashes(most_bytes=2 * last.bytes)
    wanted = hashes(last.path)["AutoV2"]
    assert search.find(infos, wanted) is None
    assert search.find(infos, wanted) == last


def test_a_file_that_went_away_is_passed_over(infos: list[ModelInfo]) -> None:
    wanted = hashes(infos[2].path)["AutoV2"]
    infos[0].path.unlink()
    assert Hashes().find(infos, wanted) == infos[2]
    assert auto_v1(infos[0].path) == ""


def test_a_file_that_has_changed_is_read_again(infos: list[ModelInfo]) -> None:
    search, one = Hashes(), infos[0]
    before = hashes(one.path)["AutoV2"]
    assert search.find([one], before) == one
    one.path.write_bytes(one.path.read_bytes() + b"x")
    assert search.find([one], before) is None


def test_a_folders_files_are_hashed_in_order(tmp_path: Path) -> None:
    shards = [info(tmp_path / f"{n}.safetensors", n).path for n in range(2)]
    one = ModelInfo("folder", tmp_path, "checkpoint", bytes=1, weights=tuple(shards))
    both = hashlib.sha256(b"".join(path.read_bytes() for path in shards)).hexdigest()
    assert Hashes().find([one], both[:10]) == one
    assert content_hash(one) == both[:10]
