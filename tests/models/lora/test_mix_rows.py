"""Mixing by row: each sample of a batch has LoRAs of its own, and both ways of mixing agree."""

from __future__ import annotations

import pytest
import torch

from backend.models.lora.file import LoraFile
from backend.models.lora.mix import LoraMixer
from backend.models.patches import PatchStack
from tests.models.lora.mixing import call, make_parts


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        (torch.float32, 2e-5),
        (torch.bfloat16, 0.08),
        (torch.float16, 0.01),
    ],
)
def test_both_ways_agree(loras: tuple[LoraFile, ...], dtype: torch.dtype, tolerance: float) -> None:
    parts = make_parts(dtype)
    mix = [(lora, weight) for lora, weight in zip(loras, (1.0, -0.5, 1.5), strict=True)]
    outputs = []
    for rule in (float("inf"), -1.0):
        with LoraMixer(parts, PatchStack(), tolerance=rule).applied(mix) as active:
            assert len(active.beside) == (len(active.layers) if rule < 0 else 0)
            outputs.append(call(parts["unet"]))
    base = call(parts["unet"])
    spread = float((outputs[0] - base).abs().max())
    assert spread > 0.2
    assert float((outputs[0] - outputs[1]).abs().max()) < tolerance * max(1.0, spread)


@pytest.mark.parametrize("guided", [1, 2])
def test_per_sample_equals_separate_runs(loras: tuple[LoraFile, ...], guided: int) -> None:
    parts = make_parts()
    unet = parts["unet"]
    weights = torch.tensor([[1.0, 0.0, 0.5], [-0.5, 2.0, 0.0], [0.0, 0.0, 0.0]])
    x = torch.randn(3 * guided, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    context = torch.randn(3 * guided, 7, 32, generator=torch.Generator().manual_seed(2))

    def run(rows: slice | list[int]) -> torch.Tensor:
        with torch.no_grad():
            return unet(x[rows], 300, encoder_hidden_states=context[rows]).sample

    mixer = LoraMixer(parts, PatchStack())
    with mixer.applied([(lora, 1.0) for lora in loras]) as active:
        active.per_sample(weights)
        together = run(slice(None))
        active.remix([(loras[0], 1.0)])
        assert active.beside == ()
    for sample in range(3):
        rows = [sample + 3 * turn for turn in range(guided)]
        mix = list(zip(loras, weights[sample].tolist(), strict=True))
        with mixer.applied(mix):
            alone = run(rows)
        assert torch.allclose(together[rows], alone, atol=2e-5)
    spread = (together[:1] - together[1:2]).abs().max()
    assert float(spread) > 0.1


def test_rows_of_conditionings_stand_for_samples_in_succession(
    loras: tuple[LoraFile, ...],
) -> None:
    parts = make_parts()
    unet, text = parts["unet"], parts["text_encoder"]
    weights = torch.tensor([[1.0, 0.0, 0.5], [-0.5, 2.0, 0.0]])
    x = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    context = torch.randn(4, 7, 32, generator=torch.Generator().manual_seed(2))
    ids = torch.arange(8)[None]

    @torch.no_grad()
    def run(rows: slice) -> torch.Tensor:
        return unet(x[rows], 300, encoder_hidden_states=context[rows]).sample

    with torch.no_grad(), LoraMixer(parts, PatchStack()).applied([(loras[0], 1.0)]):
        read = text(ids).last_hidden_state
    mixer = LoraMixer(parts, PatchStack())
    with mixer.applied([(loras[0], 1.0), (loras[1], 0.0), (loras[2], 0.0)]) as active:
        active.per_conditioning(weights)
        assert active.has_rows
        together = run(slice(None))
        with torch.no_grad():  # what reads prompts has the one mix that it had
            assert torch.equal(text(ids).last_hidden_state, read)
        active.per_sample(weights)
        assert not torch.allclose(run(slice(None)), together, atol=1e-3)
    for row in range(2):
        own = slice(2 * row, 2 * row + 2)
        with mixer.applied(list(zip(loras, weights[row].tolist(), strict=True))):
            assert torch.allclose(together[own], run(own), atol=2e-5)


def test_per_sample_refuses_what_does_not_match(loras: tuple[LoraFile, ...]) -> None:
    parts = make_parts()
    with LoraMixer(parts, PatchStack()).applied([(loras[0], 1.0), (loras[1], 1.0)]) as active:
        for shape in ((2,), (2, 3), (0, 2)):
            with pytest.raises(ValueError, match="2 LoRAs"):
                active.per_sample(torch.ones(shape))
        active.per_sample(torch.ones(2, 2))
        with pytest.raises(ValueError, match="batch of 3"):
            call(parts["unet"], batch=3)
