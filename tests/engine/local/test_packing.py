"""Stored steps as bytes, and the same again."""

from __future__ import annotations

import pytest
import torch

from backend.contracts.settings import parse
from backend.contracts.stored import StoredStep
from backend.engine.local.kept_steps import TensorStep
from backend.engine.local.packing import packed, unpacked
from backend.models.autoencoder.latent_rgb import LatentRgb
from backend.models.autoencoder.preview import Previewer
from backend.sampling.types import State, Step

SETTINGS = parse("txt2img", {})


def stored(dtype: torch.dtype, beside: bool = True) -> list[StoredStep[TensorStep]]:
    weight, bias = torch.randn(3, 4, 1, 1), torch.randn(3)
    rgb = LatentRgb(weight, bias)
    previewer = Previewer("fast", "", rgb, (weight, bias) if beside else None)
    made = []
    for index in range(3):
        x, x0 = torch.randn(2, 4, 8, 8).to(dtype), torch.randn(2, 4, 8, 8).to(dtype)
        x = x.contiguous(memory_format=torch.channels_last) if index == 1 else x
        state = State({"before": x0, "slope": torch.randn(2)}, draws=index)
        step = Step(index, 3, 1 / 3 + index, x, x0, state, forecast=index == 1)
        made.append(StoredStep(int(index == 2), SETTINGS, TensorStep.of(step, previewer)))
    return made


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_bit_comes_back(dtype: torch.dtype) -> None:
    before = stored(dtype)
    after = unpacked(packed(before), (SETTINGS, SETTINGS), torch.device("cpu"))
    for one, other in zip(before, after, strict=True):
        ours, theirs = one.step.step, other.step.step
        assert (one.stage, ours.index, ours.total) == (other.stage, theirs.index, theirs.total)
        assert ours.forecast == theirs.forecast
        assert (ours.sigma, ours.state.draws) == (theirs.sigma, theirs.state.draws)
        assert ours.state.history.keys() == theirs.state.history.keys()
        for name in ours.state.history:
            assert torch.equal(ours.state.history[name], theirs.state.history[name])
        assert torch.equal(ours.x, theirs.x)
        assert torch.equal(ours.x0, theirs.x0)
        assert theirs.x.dtype == dtype
        assert theirs.x.stride() == ours.x.stride()
        image = one.step.previewer(ours.x0)
        assert image is not None
        assert (image == other.step.previewer(theirs.x0)).all()


def test_a_damaged_file_is_told() -> None:
    with pytest.raises(ValueError, match="damaged"):
        unpacked(b"nothing", (SETTINGS,), torch.device("cpu"))
