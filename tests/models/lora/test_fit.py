"""Whether a LoRA fits is told without weights, and told anew when files change."""

from __future__ import annotations

from pathlib import Path

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.lora.fit import LoraFits
from tests import lora_files as files
from tests.tiny import tiny_checkpoint, tiny_unet


def lora(path: Path, rank: int = 4) -> Path:
    path.parent.mkdir(exist_ok=True)
    factors = files.random_factors({"unet": tiny_unet()}, files.ATTENTION, seed=1, rank=rank)
    return files.write(path, files.diffusers_keys(factors))


def test_a_fitting_lora_a_broken_one_and_one_of_other_shapes(tmp_path: Path) -> None:
    tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    model = Catalog([tmp_path], FAMILIES).checkpoint("tiny")
    fits = LoraFits(FAMILIES)
    good = lora(tmp_path / "loras" / "good.safetensors")
    assert fits.problem(fits.header(good), model) is None
    before = fits.header(good)
    assert fits.header(good) is before
    wide = {
        name: files.Factors(f.A.repeat(1, 2), f.B)
        for name, f in files.random_factors(
            {"unet": tiny_unet()}, files.ATTENTION, seed=1, rank=4
        ).items()
    }
    files.write(good, files.diffusers_keys(wide))
    assert "another size" in (fits.problem(fits.header(good), model) or "")
    broken = tmp_path / "loras" / "broken.safetensors"
    broken.write_bytes(b"no header")
    assert fits.problem(fits.header(broken), model)
