"""LoRAs under a batch of frames: the same for all, or each row its own."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from backend.contracts.settings import LoraUse, MorphSettings
from backend.models.lora.file import LayerShape, LoraFile, LoraInfo, LowRank
from backend.models.patches import PatchStack
from backend.modes.morph.weights import OwnWeights, SharedWeights

W0 = torch.arange(6.0).reshape(2, 3)
ROW = torch.tensor([[1.0, 2.0, 3.0]])


def lora(name: str, value: float) -> LoraFile:
    """B A = value everywhere."""
    delta = LowRank(torch.ones(1, 3), torch.full((2, 1), value), 1.0)
    layers = {"unet.layer": LayerShape((1, 3), (2, 1))}
    info = LoraInfo(name, Path(), layers=MappingProxyType(layers))
    return LoraFile(info, name, name, MappingProxyType({"unet.layer": delta}))


@pytest.fixture
def unet() -> nn.Module:
    unet = nn.Module()
    unet.layer = nn.Linear(3, 2, bias=False)
    unet.layer.weight.data = W0.clone()
    return unet.requires_grad_(False)


def own(unet: nn.Module, context: Any = None, **values: Any) -> OwnWeights:
    settings = MorphSettings.model_validate({"steps": 4, "frames": 3, **values})
    model: Any = SimpleNamespace(lora_parts={"unet": unet}, patches=PatchStack())
    shared = [lora(use.name, 100.0) for use in settings.acting_loras]
    stage: Any = SimpleNamespace(settings=settings, model=model, context=context)
    return OwnWeights(stage, shared, (lora("a", 1.0), lora("b", 10.0)))


def added(unet: nn.Module, rows: int) -> list[float]:
    """What the layer adds to each row, over the sum of its input."""
    x = ROW.repeat(rows, 1)
    more = unet.layer(x) - x @ W0.T
    return [round(float(value), 4) for value in more[:, 0] / x.sum(dim=1)]


def test_a_row_at_a_has_1_minus_a_of_the_one_and_a_of_the_other(unet: nn.Module) -> None:
    weights = own(unet)
    weights.enter()
    weights.rows((0.0, 0.25, 1.0))
    assert added(unet, 3) == [1.0, 0.75 + 2.5, 10.0]
    assert added(unet, 6) == [1.0, 3.25, 10.0] * 2  # a guided call holds the rows twice
    weights.rows((0.5,))
    assert added(unet, 1) == [5.5]
    weights.leave()
    assert torch.equal(unet.layer.weight, W0)  # type: ignore[arg-type]
    assert added(unet, 1) == [0.0]


def test_the_loras_of_the_settings_act_in_their_part_of_the_run(unet: nn.Module) -> None:
    weights = own(unet, loras=[LoraUse(name="ink", weight=0.5, start=0.5)])
    weights.enter()
    for step, more in ((0, 0.0), (1, 0.0), (2, 50.0), (3, 50.0), (4, 50.0)):
        weights.at(step)
        weights.rows((0.0, 1.0))
        assert added(unet, 2) == [1.0 + more, 10.0 + more]
    weights.leave()


def test_they_come_back_as_they_were_after_another_job(unet: nn.Module) -> None:
    context = SimpleNamespace(interludes=[])
    weights = own(unet, context)
    with weights.installed():
        weights.rows((0.0, 0.5))
        with context.interludes[0]():
            assert added(unet, 2) == [0.0, 0.0]
        assert added(unet, 2) == [1.0, 5.5]
    assert torch.equal(unet.layer.weight, W0)  # type: ignore[arg-type]


def test_what_is_shown_already_is_not_set_again(unet: nn.Module) -> None:
    weights = own(unet)
    weights.enter()
    calls, active = list[torch.Tensor](), weights._active
    assert active is not None
    active.per_sample = calls.append  # type: ignore[method-assign]
    for at in ((0.5,), (0.5,), (0.75,)):
        weights.rows(at)
    assert [row.tolist() for row in calls] == [[[0.5, 0.5]], [[0.25, 0.75]]]


def test_shared_weights_follow_the_steps_alone() -> None:
    told: list[object] = []
    mix = SimpleNamespace(at=told.append, installed=lambda: nullcontext("in force"))
    shared = SharedWeights(mix)  # type: ignore[arg-type]
    shared.at(2)
    shared.rows((0.0, 1.0))
    assert told == [2]
    with shared.installed() as found:
        assert found == "in force"
