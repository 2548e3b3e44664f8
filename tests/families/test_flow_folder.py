"""What folders of flow models have in common: their parts, sizes and schedulers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.contracts.errors import ModelProblem
from backend.families.flow_folder import has, inspect
from backend.families.flux import FLUX, KIND
from backend.families.sd3 import SD3
from backend.models.catalog.card import Card
from tests.tiny_flow import edited, tiny_flux, tiny_sd3


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_flux(tmp_path_factory.mktemp("models") / "flux")


def test_a_folder_is_told_without_its_weights(flux: Path) -> None:
    found = inspect(flux, KIND)
    assert found.transformer["guidance_embeds"] is True
    assert found.vae["latent_channels"] == 16
    assert [path.parent.name for path in found.weights] == ["transformer"]
    assert found.bytes == sum(path.stat().st_size for path in flux.rglob("*.safetensors"))
    findings = FLUX.recognise(flux, Card())
    assert findings is not None
    assert (findings.family, findings.native_size) == ("flux", (1024, 1024))
    sizes = findings.anatomy.sizes
    assert (sizes.step_px, sizes.least_px) == (8, 64)
    assert findings.anatomy.call_values == 12 * 32 // 4


def test_a_part_that_is_left_out_is_known(tmp_path: Path) -> None:
    folder = tiny_sd3(tmp_path / "bare", t5=False)
    assert not has(folder, "text_encoder_3")
    assert has(folder, "text_encoder_2")
    assert SD3.recognise(folder, Card()) is not None


@pytest.mark.parametrize(
    ("change", "value", "sentence"),
    [
        ("transformer", ["diffusers", "UNet2DModel"], "asks for 'UNet2DModel' as transformer"),
        ("text_encoder_2", [None, None], "asks for 'None' as text_encoder_2"),
        ("image_encoder", [None, None], ""),
    ],
)
def test_an_index_that_names_other_parts_is_refused(
    flux: Path, tmp_path: Path, change: str, value: list[str], sentence: str
) -> None:
    folder = tmp_path / "flux"
    shutil.copytree(flux, folder)
    edited(folder / "model_index.json", **{change: value})
    if not sentence:
        assert inspect(folder, KIND).bytes
        return
    with pytest.raises(ModelProblem, match=sentence):
        inspect(folder, KIND)


def test_a_config_of_another_class_is_refused(flux: Path, tmp_path: Path) -> None:
    folder = tmp_path / "flux"
    shutil.copytree(flux, folder)
    edited(folder / "transformer" / "config.json", _class_name="SD3Transformer2DModel")
    with pytest.raises(ModelProblem, match=r"transformer/config\.json names a class"):
        inspect(folder, KIND)
