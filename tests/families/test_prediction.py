"""eps or v: marks in the file, notes beside it, a try, and the card before all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.families.configs import part_config
from backend.families.prediction import Told, told_by
from backend.families.probe import probed
from backend.families.registry import FAMILIES
from backend.families.single_file import inspect_original
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from tests.original import original_checkpoint


@pytest.fixture(scope="module")
def sd2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "checkpoints"
    return original_checkpoint(folder / "base.safetensors", "sd2")


def place(whole: Path, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "base.safetensors"
    path.parent.mkdir()
    path.hardlink_to(whole)
    return path


def giving_back_its_input(path: Path, target: Path) -> Path:
    """The same file with a UNet that returns x_t, as an eps model nearly does at high noise.

    SiLU(a) - SiLU(-a) = a carries it through the last block; the other layers add nothing.
    """
    root = "model.diffusion_model"
    tensors = load_file(path)

    def through(name: str, pairs: list[tuple[int, int, float]]) -> None:
        weight = torch.zeros_like(tensors[f"{name}.weight"])
        middle = weight.shape[-1] // 2
        for row, column, value in pairs:
            weight[row, column, middle, middle] = value
        tensors[f"{name}.weight"] = weight
        tensors[f"{name}.bias"] = torch.zeros_like(tensors[f"{name}.bias"])

    width = len(tensors[f"{root}.input_blocks.0.0.bias"])
    through(
        f"{root}.input_blocks.0.0", [(c + 4 * k, c, 1.0 - 2 * k) for c in range(4) for k in (0, 1)]
    )
    through(
        f"{root}.output_blocks.11.0.skip_connection", [(c, width + c, 1.0) for c in range(width)]
    )
    for name in ("output_blocks.11.0.out_layers.3", "output_blocks.11.1.proj_out"):
        for end in ("weight", "bias"):
            tensors[f"{root}.{name}.{end}"].zero_()
    tensors[f"{root}.out.0.weight"].fill_(1.0)
    tensors[f"{root}.out.0.bias"].zero_()
    through(f"{root}.out.2", [(c, c + 4 * k, 1.0 - 2 * k) for c in range(4) for k in (0, 1)])
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target)
    return target


def stub(answer: Any) -> Any:
    def unet(x: torch.Tensor, timestep: int, **_: Any) -> tuple[torch.Tensor]:
        assert timestep == 999
        return (answer(x),)

    unet.config, unet.device, unet.dtype = {"in_channels": 4}, torch.device("cpu"), torch.float32  # type: ignore[attr-defined]
    return unet


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda x: 0.9 * x + 0.2 * x.roll(1, -1), "epsilon"),
        (lambda x: -torch.linspace(-1, 1, 32).expand_as(x), "v_prediction"),
        # v at a high but finite noise level: a little of the noise is in it.
        (lambda x: 0.07 * x - torch.linspace(-1, 1, 32).expand_as(x), "v_prediction"),
    ],
)
def test_a_try_tells_them_apart(answer: Any, expected: str) -> None:
    assert probed(stub(answer), torch.zeros(1, 77, 8)) == expected


@pytest.mark.parametrize(("kind", "side"), [("epsilon", 512), ("v_prediction", 768)])
def test_an_unmarked_file_is_tried_when_it_is_loaded(
    sd2: Path, tmp_path: Path, kind: str, side: int
) -> None:
    path = tmp_path / "checkpoints" / "base.safetensors"
    if kind == "epsilon":
        giving_back_its_input(sd2, path)
    else:
        path.parent.mkdir()
        path.hardlink_to(sd2)
    catalog = Catalog([tmp_path], FAMILIES)
    before = catalog.checkpoint("base")
    assert before.native_size == (768, 768)
    assert "assumed" in (before.note or "")
    model = FAMILIES.load(before, pick("cpu", "float32"))
    assert model.prediction_type == kind
    assert model.native_size == (side, side)
    catalog.learn(model.info)
    for _ in range(2):
        after = catalog.checkpoint("base")
        assert after.native_size == (side, side)
        assert (after.note or "").startswith("Tried out")
        assert part_config(after, "scheduler")["prediction_type"] == kind
        catalog.refresh()
    path.with_suffix(".card.json").write_text('{"prediction_type": "sample"}')
    catalog.refresh()
    assert catalog.checkpoint("base").note is None


@pytest.mark.parametrize(
    ("suffix", "text", "expected"),
    [
        (".json", {"prediction_type": "epsilon"}, Told("epsilon")),
        (
            ".json",
            {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True},
            Told("v_prediction", True),
        ),
        (".json", {"sd version": "SD2", "notes": "A1111's own"}, Told()),
        (".json", "[1, 2", Told()),
        (".json", "[1, 2]", Told()),
        (
            ".yaml",
            "model:\n  params:\n    parameterization: 'v'\n    zero_terminal_snr: true\n",
            Told("v_prediction", True),
        ),
        (".yml", "model:\n  params:\n    linear_start: 0.00085\n", Told("epsilon")),
    ],
)
def test_notes_beside_the_file(
    sd2: Path, tmp_path: Path, suffix: str, text: Any, expected: Told
) -> None:
    path = place(sd2, tmp_path)
    path.with_suffix(suffix).write_text(text if isinstance(text, str) else json.dumps(text))
    assert told_by(path, {}) == expected


def test_the_order_of_words(sd2: Path, tmp_path: Path) -> None:
    path = place(sd2, tmp_path)
    assert inspect_original(path, Card()).guessed
    path.with_suffix(".yaml").write_text("model:\n")
    assert inspect_original(path, Card()).scheduler["prediction_type"] == "epsilon"
    path.with_suffix(".json").write_text('{"prediction_type": "v"}')
    assert inspect_original(path, Card()).scheduler["prediction_type"] == "v_prediction"
    card = Card(prediction_type="epsilon", zero_terminal_snr=True)
    found = inspect_original(path, card)
    assert not found.guessed
    assert found.scheduler["prediction_type"] == "epsilon"
    assert found.scheduler["timestep_spacing"] == "trailing"
    marked = told_by(path, {"v_pred": (0,), "ztsnr": (0,)})
    assert marked == Told("v_prediction", True)
