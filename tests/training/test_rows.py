"""Two LoRAs in one batch: each is the one that it would be alone, and the model is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.lora.file import read
from backend.models.memory.devices import pick
from backend.training.config import TrainingConfig
from backend.training.lora import Example, fit
from backend.training.rows import Deltas, RowAdapters, fit_rows
from tests.tiny import tiny_checkpoint

RECIPE: dict[str, Any] = {"rank": 4, "seed": 5, "learning_rate": 1e-3}


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def model(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny", request.param)
    return FAMILIES.load(Catalog([root], FAMILIES).checkpoint("tiny"), pick("cpu", "float32"))


def examples(model: Checkpoint) -> list[Example]:
    generator = torch.Generator().manual_seed(1)
    return [
        Example(torch.randn(1, 4, 8, 8, generator=generator), model.text.encode([text]), text)
        for text in ("a red house", "a boat")
    ]


def together(model: Checkpoint, steps: int) -> tuple[Deltas, ...]:
    pair = examples(model)
    adapters = RowAdapters(model.network.model, 2, RECIPE["rank"], RECIPE["seed"], model.patches)
    with adapters.installed():
        run = fit_rows(
            model,
            pair,
            adapters,
            steps=steps,
            seed=RECIPE["seed"],
            learning_rate=RECIPE["learning_rate"],
            check=lambda: None,
        )
        while True:
            try:
                next(run)
            except StopIteration as end:
                return end.value


def test_each_row_is_the_lora_that_it_is_alone(model: Checkpoint, tmp_path: Path) -> None:
    fitted = together(model, 6)
    for row, example in enumerate(examples(model)):
        config = TrainingConfig(
            output=tmp_path / f"{row}.safetensors", steps=6, noise_offset=0.0, **RECIPE
        )
        list(fit(config, model, [example], lambda: None))
        alone = read(config.output)
        assert set(alone.deltas) == set(fitted[row])
        for path, delta in alone.deltas.items():
            ours = fitted[row][path]
            assert torch.allclose(ours.A, delta.A, atol=2e-4)
            assert torch.allclose(ours.B * ours.scale, delta.B * delta.scale, atol=2e-4)
    assert not torch.allclose(*(next(iter(row.values())).B for row in fitted), atol=1e-3)


def test_the_model_is_its_own_again(model: Checkpoint) -> None:
    weights = {k: v.clone() for k, v in model.network.model.state_dict().items()}
    adapters = RowAdapters(model.network.model, 2, 4, 0, model.patches)
    with adapters.installed():
        assert any("forward" in m.__dict__ for m in model.network.model.modules())
    assert not any("forward" in m.__dict__ for m in model.network.model.modules())
    assert all(torch.equal(v, weights[k]) for k, v in model.network.model.state_dict().items())
