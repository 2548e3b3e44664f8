"""LPIPS as the morph's measure, against its own package, on a network with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import pytest
import torch
from torchvision.models import alexnet

from backend.models.perceptual import lpips_metric
from backend.models.perceptual.distance import distance
from backend.models.perceptual.lpips_metric import ALEXNET, installed

CPU = torch.device("cpu")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Path]:
    """Where torch.hub's downloads would lie."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path)
    lpips_metric._loaded.cache_clear()
    yield tmp_path / "checkpoints"
    torch.hub.set_dir(before)
    lpips_metric._loaded.cache_clear()


def save_weights(folder: Path) -> dict[str, Any]:
    torch.manual_seed(3)
    state = alexnet(weights=None).state_dict()
    folder.mkdir(parents=True)
    torch.save(state, folder / ALEXNET)
    return state


@pytest.mark.filterwarnings("ignore:.*:UserWarning:torchvision")
def test_it_measures_what_its_package_measures(hub: Path) -> None:
    state = save_weights(hub)
    metric = installed(CPU)
    assert metric is not None
    assert "LPIPS" in metric.name
    theirs = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    theirs.net.load_state_dict(
        {
            f"slice{slice_index}.{layer}.{kind}": state[f"features.{layer}.{kind}"]
            for slice_index, layer in ((1, 0), (2, 3), (3, 6), (4, 8), (5, 10))
            for kind in ("weight", "bias")
        }
    )
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 96, 80, 3), dtype=np.uint8)
    tensors = [torch.from_numpy(x).permute(2, 0, 1)[None] / 127.5 - 1 for x in (a, b)]
    with torch.no_grad():
        wanted = float(theirs(*tensors))
    assert wanted > 0.01
    assert distance(metric.look(a), metric.look(b)) == pytest.approx(wanted, rel=2e-3)
    assert distance(metric.look(a), metric.look(a)) == 0.0


def test_without_weights_there_is_none(hub: Path) -> None:
    assert installed(CPU) is None


def test_a_damaged_file_is_passed_over(hub: Path) -> None:
    hub.mkdir(parents=True)
    (hub / ALEXNET).write_bytes(b"no weights")
    assert installed(CPU) is None
