"""ControlNets: which fits, how residuals are weighted, how they are leased."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from backend.contracts.errors import BadInput, ModelProblem, UnknownName
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.control import controlnet
from backend.models.control.controlnet import ControlNet, load_controlnet, weights
from backend.models.manager import ModelManager
from backend.models.memory.devices import pick
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny")
    tiny_controlnet(folder, root / "controlnet" / "tiny-depth", seed=2)
    tiny_controlnet(folder, root / "controlnet" / "tiny-shuffle", seed=3, pooled=True)
    wider = root / "controlnet" / "wide-canny"
    tiny_controlnet(folder, wider)
    config = json.loads((wider / "config.json").read_text())
    (wider / "config.json").write_text(json.dumps(config | {"cross_attention_dim": 768}))
    return root


@pytest.fixture(scope="module")
def catalog(models: Path) -> Catalog:
    return Catalog([models], FAMILIES)


@pytest.fixture(scope="module")
def canny(catalog: Catalog) -> ControlNet:
    return load_controlnet(catalog.find("controlnet", "tiny-canny"), pick("cpu", "float32"))


def test_weights_are_those_of_each_mode() -> None:
    assert weights(13, "balanced").tolist() == [1.0] * 13
    prompt = weights(13, "prompt")
    assert prompt[-1] == 1.0
    assert prompt[0] == pytest.approx(0.825**12)
    control = weights(13, "control")
    assert control[0] == pytest.approx(0.1)
    assert control[-1] == pytest.approx(1.0)
    assert bool((control.diff() > 0).all())


def test_what_fits_is_chosen_by_detector(catalog: Catalog) -> None:
    tiny = catalog.checkpoint("tiny")
    assert controlnet.choose(catalog, tiny, "canny", None).name == "tiny-canny"
    assert controlnet.choose(catalog, tiny, "depth_midas", None).name == "tiny-depth"
    assert controlnet.choose(catalog, tiny, "canny", "tiny-depth").name == "tiny-depth"
    wide = catalog.find("controlnet", "wide-canny")
    assert not controlnet.fits(wide, tiny)


@pytest.mark.parametrize(
    ("detector", "name", "error", "said"),
    [
        ("openpose", None, BadInput, "no ControlNet for 'openpose' that fits 'tiny'"),
        ("canny", "wide-canny", BadInput, "another kind of model"),
        ("canny", "tiny-cany", UnknownName, "did you mean 'tiny-canny'"),
    ],
)
def test_what_does_not_fit_is_refused(
    catalog: Catalog, detector: str, name: str | None, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        controlnet.choose(catalog, catalog.checkpoint("tiny"), detector, name)  # type: ignore[arg-type]


def test_the_hint_is_in_0_to_1(canny: ControlNet) -> None:
    hint = canny.hint(house(64, 32))
    assert hint.shape == (1, 3, 32, 64)
    assert float(hint.min()) >= 0.0
    assert float(hint.max()) == pytest.approx(250 / 255)


def test_residuals_grow_with_the_scale(canny: ControlNet) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 8, 8, generator=generator)
    context = torch.randn(2, 77, 32, generator=generator)
    inputs = (canny.hint(house()), x, torch.tensor([500.0, 500.0]), context)
    with torch.no_grad():
        whole = canny.residuals(*inputs, 1.0, "balanced")
        half = canny.residuals(*inputs, 0.5, "balanced")
        soft = canny.residuals(*inputs, 1.0, "prompt")
    assert len(whole.down) == len(canny.model.controlnet_down_blocks)
    torch.testing.assert_close(half.mid, whole.mid * 0.5)
    torch.testing.assert_close(soft.mid, whole.mid)
    torch.testing.assert_close(soft.down[0], whole.down[0] * 0.825 ** len(whole.down))


def test_a_pooling_model_acts_on_the_conditional_half_alone(
    catalog: Catalog, canny: ControlNet
) -> None:
    shuffle = load_controlnet(catalog.find("controlnet", "tiny-shuffle"), pick("cpu", "float32"))
    assert shuffle.conditional_only("balanced")
    assert not canny.conditional_only("balanced")
    assert canny.conditional_only("control")


def test_leases_share_one_load(catalog: Catalog, canny: ControlNet) -> None:
    asked: list[str] = []

    def load(name: str) -> ControlNet:
        asked.append(name)
        return canny

    manager = ModelManager(load, budget_bytes=2**30)
    for _ in range(2):
        with controlnet.lease(manager, "tiny-canny") as net:
            assert net is canny
    assert asked == ["controlnet/tiny-canny"]
    assert manager.used_bytes == canny.nbytes > 0


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    path = tiny_controlnet(folder, tmp_path / "controlnet" / "tiny-canny")
    info = Catalog([tmp_path], FAMILIES).find("controlnet", "tiny-canny")
    weights_file = path / "diffusion_pytorch_model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:-100])
    with pytest.raises(ModelProblem, match="tiny-canny/diffusion_pytorch_model"):
        load_controlnet(info, pick("cpu", "float32"))
