"""What fine learns of each end: once a picture, and the model is left as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from backend.contracts.errors import Cancelled
from backend.contracts.events import Progress
from backend.contracts.settings import MorphSettings
from backend.models.checkpoint import Checkpoint
from backend.models.text.conditioning import Conditioning
from backend.modes.morph.cost import Ledger
from backend.modes.morph.ends import End
from backend.modes.morph.fitting import learned
from backend.modes.stage import Stage
from tests.modes.morph.ends import end, staged
from tests.modes.test_guide import model

__all__ = ["model"]  # the fixture
STEPS, RANK = 3, 2


def fine(
    model: Checkpoint,
    check: Callable[[], None] = lambda: None,
    report: Callable[[Progress], None] = lambda progress: None,
    **values: Any,
) -> Stage[MorphSettings]:
    recipe = {"method": "fine", "lora_steps": STEPS, "lora_rank": RANK, "lora_lr": 1e-2}
    return staged(model, check, report, **(recipe | values))


def pair(model: Checkpoint) -> tuple[End, End]:
    return end(model, "a red house", 1), end(model, "a boat", 2)


def rows(stage: Stage[MorphSettings], ends: tuple[End, End], key: str = "") -> int:
    """Sample-forwards that it takes to learn these ends now."""
    ledger = Ledger()
    learned(stage, ends, ledger, key)
    return sum(ledger.forwards.values())


def test_each_end_has_a_lora_of_its_own(model: Checkpoint) -> None:
    told = list[Progress]()
    first, last = learned(fine(model, report=told.append), pair(model), Ledger(), "")
    assert [(one.stage, one.step, one.total) for one in told] == [
        ("fitting", step, STEPS) for step in (1, 2, 3)
    ]
    assert first.content_hash != last.content_hash
    assert set(first.deltas) == set(last.deltas)
    assert all(path.startswith("unet.") for path in first.deltas)
    for path, delta in first.deltas.items():
        assert delta.A.shape[0] == delta.B.shape[1] == RANK
        assert first.info.layers[path].rank == RANK
        assert not torch.equal(delta.B, last.deltas[path].B)


def test_a_picture_is_learned_once(model: Checkpoint) -> None:
    stage, (a, b) = fine(model), pair(model)
    assert rows(stage, (a, b)) == 2 * STEPS
    assert rows(stage, (b, a)) == 0
    assert rows(stage, (a, end(model, "a fish", 3))) == STEPS
    assert rows(fine(model), (a, a)) == STEPS


def test_another_recipe_picture_or_base_is_learned_anew(model: Checkpoint) -> None:
    stage, (a, b) = fine(model), pair(model)
    rows(stage, (a, b))
    assert rows(stage, (a, b), "ink") == 2 * STEPS
    assert a.latents is not None
    assert rows(stage, (replace(a, latents=a.latents + 1), b)) == STEPS
    changed = Conditioning(b.text.context + 1, b.text.padding)  # a textual inversion's new file
    assert rows(stage, (a, replace(b, text=changed))) == STEPS
    for recipe in ({"lora_lr": 2e-2}, {"lora_rank": 3}):
        again = replace(stage, settings=stage.settings.model_copy(update=recipe))
        assert rows(again, (a, b)) == 2 * STEPS
    other = replace(stage, settings=stage.settings.model_copy(update={"seed": 99, "frames": 9}))
    assert rows(other, (a, b)) == 0


def test_the_model_is_left_as_it_was_even_by_a_stop(model: Checkpoint) -> None:
    calls = [2]

    def check() -> None:
        calls[0] -= 1
        if calls[0] < 0:
            raise Cancelled("Stopped.")

    unet = model.network.model
    weights = {name: value.clone() for name, value in unet.state_dict().items()}
    stage = fine(model, check)
    with pytest.raises(Cancelled):
        learned(stage, pair(model), Ledger(), "")
    assert stage.context.interludes == []
    assert not any("forward" in module.__dict__ for module in unet.modules())
    assert not any(parameter.requires_grad for parameter in unet.parameters())
    assert all(torch.equal(value, weights[name]) for name, value in unet.state_dict().items())
    assert stage.context.ends.holdings() == ()


def test_what_may_learn_may_do_so_afterwards(model: Checkpoint) -> None:
    parameter = next(model.network.model.parameters())
    parameter.requires_grad_(True)
    try:
        learned(fine(model), pair(model), Ledger(), "")
        assert parameter.requires_grad
        assert parameter.grad is None
    finally:
        parameter.requires_grad_(False)


def test_another_job_finds_the_plain_model_in_the_middle(model: Checkpoint) -> None:
    unet, seen = model.network.model, list[bool]()

    def patched() -> bool:
        return any("forward" in module.__dict__ for module in unet.modules())

    def check() -> None:
        seen.append(patched())
        with stage.context.interludes[-1]():
            seen.append(patched())
        seen.append(patched())

    stage = fine(model, check)
    learned(stage, pair(model), Ledger(), "")
    assert seen == [True, False, True] * STEPS
