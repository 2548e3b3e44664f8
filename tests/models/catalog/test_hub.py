"""A hub's cache folder: its models by their names, those alone that are whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.hub import hub_folder, is_hub, snapshots
from tests.staged import loaded
from tests.tiny_pixels import tiny_ddpm


def cached(hub: Path, name: str, commit: str = "abc123") -> Path:
    """A model as the hub's client leaves it: blobs, and links to them."""
    model = hub / f"models--{name.replace('/', '--')}"
    snapshot = model / "snapshots" / commit
    blobs = model / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    made = tiny_ddpm(hub.parent / "made")
    for number, file in enumerate(sorted(each for each in made.rglob("*") if each.is_file())):
        blob = blobs / f"{commit}{number}"
        shutil.move(file, blob)
        link = snapshot / file.relative_to(made)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (model / "refs").mkdir(exist_ok=True)
    (model / "refs" / "main").write_text(commit)
    return snapshot


def test_models_are_listed_by_their_names_and_draw(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    cached(hub, "someone/ddpm-small")
    (hub / "datasets--someone--cats").mkdir()
    (hub / "version.txt").write_text("1")
    catalog = Catalog([hub, tmp_path / "models"], FAMILIES)
    assert [info.name for info in catalog.models()] == ["someone/ddpm-small"]
    assert loaded(hub, "someone/ddpm-small").native_size == (16, 16)
    assert catalog.lora_folder == tmp_path / "models" / "loras"


def test_what_is_not_whole_is_not_listed(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    snapshot = cached(hub, "someone/half")
    weights = snapshot / "unet" / "diffusion_pytorch_model.safetensors"
    weights.resolve().unlink()  # the download was cut off: the link leads nowhere
    (hub / "models--someone--empty" / "snapshots").mkdir(parents=True)
    text = hub / "models--someone--words" / "snapshots" / "c"
    text.mkdir(parents=True)
    (text / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    assert Catalog([hub], FAMILIES).models() == ()


def test_of_several_commits_the_branch_is_taken_and_else_the_newest(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    old, new = cached(hub, "a/b", "old"), cached(hub, "a/b", "new")
    os.utime(old, (1, 1))
    assert list(snapshots(hub)) == [("a/b", new)]
    (hub / "models--a--b" / "refs" / "main").write_text("old")
    assert list(snapshots(hub)) == [("a/b", old)]
    (hub / "models--a--b" / "refs" / "main").write_text("../../elsewhere")
    assert list(snapshots(hub)) == [("a/b", new)]


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, None),
        ({"HF_HOME": "/home/me/hf"}, Path("/home/me/hf/hub")),
        ({"HF_HOME": "/home/me/hf", "HF_HUB_CACHE": "/big"}, Path("/big")),
        ({"HF_HOME": ""}, None),
    ],
)
def test_the_environment_names_it(environment: dict[str, str], folder: Path | None) -> None:
    assert hub_folder(environment) == folder


def test_a_folder_of_models_is_no_hub(tmp_path: Path) -> None:
    tiny_ddpm(tmp_path / "checkpoints" / "small")
    assert not is_hub(tmp_path)
    assert not is_hub(tmp_path / "gone")
