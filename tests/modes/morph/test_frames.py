"""Frames between two ends: in one call or in parts, they are the same."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from backend.contracts.errors import OutOfMemory
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.attention import EndAttention
from backend.models.memory.memory_pressure import Thrift, in_force
from backend.modes.morph.cost import Ledger
from backend.modes.morph.frames import Frames
from tests.modes.morph.ends import end, staged
from tests.modes.test_guide import model

__all__ = ["model"]  # the fixture
STEPS = 4
AT = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass
class Told:
    """Weights that note what they are asked for."""

    steps: list[int] = field(default_factory=list[int])
    calls: list[tuple[float, ...]] = field(default_factory=list[tuple[float, ...]])

    def installed(self) -> AbstractContextManager[None]:
        return nullcontext()

    def at(self, step: int) -> None:
        self.steps.append(step)

    def rows(self, at: Sequence[float]) -> None:
        self.calls.append(tuple(at))


def frames(
    model: Checkpoint, *, attention: bool = False, prompt_b: str = "a boat", **values: Any
) -> tuple[Frames, Told]:
    told, chunk = Told(), values.pop("chunk", 32)
    stage = staged(model, prompt_b=prompt_b, steps=STEPS, **values)
    ends = (end(model, "a red house", 1), end(model, prompt_b, 2))
    negative = model.text.unconditional("")
    installed = EndAttention(model.network.model, model.patches) if attention else None
    return Frames(stage, ends, negative, told, installed, Ledger(), chunk), told


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_every_step_is_announced_and_every_row_has_its_weights(model: Checkpoint) -> None:
    made, told = frames(model)
    latents = made.draw(AT)
    assert latents.shape == (5, 4, 8, 8)
    assert told.steps == [0, 1, 2, 3, 4, 0]  # as it begins, after each step, and back
    assert told.calls == [AT] * STEPS
    assert made.ledger.forwards[""] == 5 * STEPS
    shown = made.stage.context.steps.steps  # type: ignore[attr-defined]
    assert [len(step.x) for step in shown] == [5] * STEPS


def test_in_parts_they_are_the_same(model: Checkpoint) -> None:
    whole = frames(model)[0].draw(AT)
    made, told = frames(model, chunk=2)
    close(made.draw(AT), whole)
    assert told.calls[:3] == [(0.0, 0.25), (0.5, 0.75), (1.0,)]
    alone, _ = frames(model, chunk=1)
    close(alone.draw(AT), whole)  # never less than two


def test_a_frame_does_not_depend_on_the_others(model: Checkpoint) -> None:
    whole = frames(model)[0].draw(AT)
    close(frames(model)[0].draw((0.25, 0.75)), whole[[1, 3]])


def limited(made: Frames, rows: int, error: Exception) -> list[int]:
    """Calls of more than so many rows fail; notes them all."""
    tried, plain = list[int](), made.ledger.denoiser

    def denoiser(*given: Any) -> Any:
        inner = plain(*given)

        def denoise(x: torch.Tensor, level: Any) -> torch.Tensor:
            tried.append(len(x))
            if len(x) > rows:
                raise error
            return inner(x, level)

        return denoise

    made.ledger.denoiser = denoiser  # type: ignore[method-assign]
    return tried


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA"), MemoryError(), RuntimeError("out of memory")]
)
def test_a_shortage_halves_the_part_and_says_so(model: Checkpoint, error: Exception) -> None:
    whole = frames(model)[0].draw(AT)
    made, _ = frames(model)
    tried = limited(made, 2, error)
    said: list[str] = []
    with in_force(Thrift(tell=said.append)):
        close(made.draw(AT), whole)
    assert tried[:5] == [5, 3, 2, 2, 1]
    assert made.chunk == 2
    assert said == ["The memory holds 2 frames at once; they were drawn in parts."]


def test_where_two_do_not_fit_it_fails(model: Checkpoint) -> None:
    made, _ = frames(model)
    tried = limited(made, 1, torch.OutOfMemoryError("CUDA"))
    with pytest.raises(OutOfMemory, match="Two frames of this size"):
        made.draw(AT)
    assert tried == [5, 3, 2, 2]


def test_another_failure_is_not_tried_again(model: Checkpoint) -> None:
    made, _ = frames(model)
    tried = limited(made, 0, RuntimeError("a shape does not fit"))
    with pytest.raises(RuntimeError, match="shape"):
        made.draw(AT)
    assert tried == [5]


@pytest.mark.parametrize("path", ["lerp", "slerp"])
def test_prompts_are_exactly_the_ends_at_the_ends(model: Checkpoint, path: str) -> None:
    made, _ = frames(model, prompt_b="a boat BREAK at sea", embeddings=path)
    a, b = (one.text.padded(154).context for one in made.ends)
    rows = made._text((0.0, 0.5, 1.0)).context
    assert rows.shape == (3, 154, 32)
    torch.testing.assert_close(rows[0], a[0])
    torch.testing.assert_close(rows[2], b[0])
    straight = (a[0] + b[0]) / 2
    assert torch.allclose(rows[1], straight, atol=1e-5) is (path == "lerp")


def test_a_walk_keeps_the_channels_of_its_noise(model: Checkpoint) -> None:
    matched = frames(model, adain=True)[0]._starts((0.5,))
    free = frames(model, adain=False)[0]._starts((0.5,))
    walk = frames(model, method="walk", adain=True)[0]._starts((0.5,))
    assert not torch.allclose(matched, free)
    assert torch.equal(walk, free)


def test_with_attention_the_ends_run_first_and_the_others_look_back(model: Checkpoint) -> None:
    made, told = frames(model, attention=True, chunk=2, attention_lambda=0.5)
    assert made.attention is not None
    made.draw(AT)
    blended = [(0.0, 1.0), (0.25, 0.5), (0.75,)]
    plain = [(0.0, 0.25), (0.5, 0.75), (1.0,)]
    assert told.calls == blended * 2 + plain * 2
    assert [made.attention.has(step) for step in range(STEPS)] == [True, True, False, False]
    assert made.attention.blend is None


def test_frames_that_come_later_use_what_was_kept_of_the_ends(model: Checkpoint) -> None:
    made, told = frames(model, attention=True, attention_lambda=0.5)
    assert made.attention is not None
    made.draw(AT)
    told.calls.clear()
    made.draw((0.4,))
    assert told.calls == [(0.4,)] * STEPS


def test_where_nothing_was_kept_the_ends_run_along_unseen(model: Checkpoint) -> None:
    made, told = frames(model, attention=True, attention_lambda=0.5)
    assert made.attention is not None
    latents = made.draw((0.4,))
    assert told.calls == [(0.0, 1.0, 0.4)] * 2 + [(0.0, 0.4, 1.0)] * 2
    assert len(latents) == 1
    shown = made.stage.context.steps.steps  # type: ignore[attr-defined]
    assert {len(step.x) for step in shown} == {1}
