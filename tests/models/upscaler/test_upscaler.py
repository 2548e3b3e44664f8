"""One-pass upscalers of real architectures, against spandrel's own forward."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spandrel
import torch
from safetensors.torch import load_file, save_file

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from backend.models.upscaler.upscaler import Upscaler, load_upscaler
from backend.pictures.tiles import in_tiles
from tests.upscalers import MAKERS, upscaler_file

CPU = pick("cpu", "float32")
# SwinIR, as spandrel has it, calls it so.
pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning")


def loaded(folder: Path, architecture: str) -> Upscaler:
    upscaler_file(folder / "upscalers" / "small.safetensors", architecture)
    info = Catalog([folder], FAMILIES).find("upscaler", "small")
    return load_upscaler(info, CPU, CPU.device)


def picture(width: int = 72, height: int = 56) -> np.ndarray:
    """Soft shapes and an edge, so that a seam would show."""
    y, x = np.mgrid[0:height, 0:width] / 12.0
    waves = np.stack([np.sin(x) * np.cos(y), np.cos(x + y), np.sin(y)], axis=-1)
    waves[:, width // 3] = 1.0
    return np.rint((waves * 0.5 + 0.5) * 255).astype(np.uint8)


@pytest.mark.parametrize("architecture", MAKERS)
def test_untiled_it_is_spandrels_own_forward_bit_for_bit(tmp_path: Path, architecture: str) -> None:
    upscaler = loaded(tmp_path, architecture)
    tensors = load_file(tmp_path / "upscalers" / "small.safetensors")
    own = spandrel.ModelLoader("cpu").load_from_state_dict(tensors)
    assert isinstance(own, spandrel.ImageModelDescriptor)
    own.model.eval().to(memory_format=CPU.memory_format)  # kernels round by the layout
    source = picture()
    given = torch.from_numpy(source).permute(2, 0, 1)[None].float() / 255.0
    with torch.inference_mode():
        wanted = own(given)[0].permute(1, 2, 0).numpy()
    assert upscaler.scale == own.scale == MAKERS[architecture][0]
    assert (upscaler(source) == wanted).all()
    assert wanted.std() > 0.001, "an upscaler that draws one colour would show nothing"


@pytest.mark.parametrize("architecture", MAKERS)
def test_tiles_change_no_byte_by_more_than_two(tmp_path: Path, architecture: str) -> None:
    upscaler, source = loaded(tmp_path, architecture), picture(200, 168)
    calls: list[tuple[int, ...]] = []

    def enlarge(tile: np.ndarray) -> np.ndarray:
        calls.append(tile.shape)
        return upscaler(tile)

    whole = in_tiles(source, upscaler.scale, upscaler, 0).astype(int)
    tiled = in_tiles(source, upscaler.scale, enlarge, 128).astype(int)
    assert len(calls) == 4
    assert np.abs(whole - tiled).max() <= 2


@pytest.mark.parametrize("architecture", MAKERS)
def test_loading_finds_what_the_header_told(tmp_path: Path, architecture: str) -> None:
    upscaler_file(tmp_path / "ESRGAN" / "small.safetensors", architecture)
    info = Catalog([tmp_path], FAMILIES).find("upscaler", "small")
    assert (info.family, info.scale) == (architecture, MAKERS[architecture][0])
    assert load_upscaler(info, CPU, CPU.device).info == info


def test_what_is_no_upscaler_is_refused_by_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "upscalers" / "other.safetensors"
    path.parent.mkdir()
    save_file({"some.weight": torch.zeros(2, 2)}, path)
    info = Catalog([tmp_path], FAMILIES).find("upscaler", "other")
    with pytest.raises(ModelProblem, match=r"other\.safetensors is no upscaler that is known"):
        load_upscaler(info, CPU, CPU.device)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = upscaler_file(tmp_path / "upscalers" / "small.safetensors")
    tensors = load_file(path)
    tensors["body.0.weight"][0, 0, 0, 0] = float("nan")
    save_file(tensors, path)
    info = Catalog([tmp_path], FAMILIES).find("upscaler", "small")
    with pytest.raises(ModelProblem, match=r"'body\.0\.weight' is not finite"):
        load_upscaler(info, CPU, CPU.device)


def test_the_engine_starts_without_spandrel() -> None:
    code = (
        "import sys, backend.engine.local.starting, backend.modes; "
        "sys.exit('spandrel' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_pickle_is_listed_with_the_command_that_converts_it(tmp_path: Path) -> None:
    path = tmp_path / "upscale_models" / "4x-old.pth"
    path.parent.mkdir()
    path.write_bytes(b"\x80\x02")
    (info,) = Catalog([tmp_path], FAMILIES).models("upscaler")
    assert info.problem is not None
    assert "python -m backend.models.convert upscale_models/4x-old.pth" in info.problem
