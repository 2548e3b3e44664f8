"""Which words a frame is told; what comes of them is tested with the mode."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.contracts.settings import ClipSettings
from backend.models.text.conditioning import Conditioning
from backend.modes.clip import saying
from backend.modes.clip.keyframes import Keyframes
from backend.modes.start import Span

STILL = Keyframes({}, 4)  # nothing moves
TOLD = {"a red house": 1.0, "a blue house": 2.0, "": 0.0}


class Reader:
    """Embeds a prompt as its number."""

    def encode(self, prompts: Sequence[str], clip_skip: int, key: str) -> Conditioning:
        return Conditioning(torch.full((1, 1, 1), TOLD[prompts[0]]), torch.zeros(1, 1, 1))

    def unconditional(self, prompt: str, clip_skip: int, key: str) -> Conditioning:
        return self.encode([prompt], clip_skip, key)


@pytest.mark.parametrize(
    ("frames", "wanted"),
    [((0, 1, 2, 3), [1, 1, 2, 2]), ((3, 0), [2, 1]), ((-1,), [1])],
)
def test_each_row_is_told_the_words_of_its_frame(
    frames: tuple[int, ...], wanted: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[float]] = []

    def guided(stage: Any, span: Any, positives: Any, negative: Any, base: Any, scale: Any) -> Any:
        (one,) = positives
        assert len(negative) == len(one.conditioning)
        seen.append(one.conditioning.context.flatten().tolist())
        return "a denoiser"

    monkeypatch.setattr(saying, "guided", guided)
    settings = ClipSettings.model_validate(
        {"prompt": "a [red:blue:0.5] house", "prompt_over": "frames"}
    )
    stage: Any = SimpleNamespace(settings=settings, model=SimpleNamespace(text=Reader()))
    span: Span = Span(None)  # type: ignore[arg-type]
    assert saying.denoiser_of(stage, span, "", frames, 4, lambda *_: None, STILL) == "a denoiser"  # type: ignore[arg-type, comparison-overlap]
    assert seen == [wanted]


def test_over_the_steps_all_are_told_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saying, "make_denoiser", lambda *_, **__: "one for all")
    stage: Any = SimpleNamespace(settings=ClipSettings.model_validate({}))
    assert saying.denoiser_of(stage, Span(None), "", (0, 1), 2, None, STILL) == "one for all"  # type: ignore[arg-type, comparison-overlap]


def test_and_joins_the_same_parts_in_every_frame() -> None:
    settings = ClipSettings.model_validate(
        {"prompt": "a red house[: AND a blue house:0.5]", "prompt_over": "frames"}
    )
    stage: Any = SimpleNamespace(settings=settings, model=SimpleNamespace(text=Reader()))
    with pytest.raises(BadInput, match="AND joins as many parts"):
        saying.denoiser_of(stage, Span(None), "", (0, 1, 2, 3), 4, None, STILL)  # type: ignore[arg-type]
