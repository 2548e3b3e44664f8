"""SDXL's two encoders as one; parity with diffusers stands in tests/parity."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from backend.contracts.holdings import Holding
from backend.models.text.clip_sdxl import SdxlTextEncoder
from backend.models.text.conditioning import Conditioning


class Encoder:
    """Knows how many chunks its tokenizer makes of a prompt, and what it was asked."""

    def __init__(self, width: int, value: float, chunks: int = 1, pooled: int = 0) -> None:
        self.width, self._value, self._chunks, self._pooled = width, value, chunks, pooled
        self.model = torch.nn.Linear(1, 1)
        self.asked: list[object] = []

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        self.asked.append((tuple(prompts), clip_skip, weights_key))
        rows = len(prompts)
        return Conditioning(
            torch.full((rows, 77 * self._chunks, self.width), self._value),
            torch.full((1, 77, self.width), -self._value),
            torch.full((rows, self._pooled), self._value) if self._pooled else None,
        )

    def teach(self, shelf: object, widths: tuple[int, ...], place: int) -> None:
        self.asked.append((shelf, widths, place))

    def count_tokens(self, text: str) -> tuple[int, int]:
        return len(text), self._chunks

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(texts, "hash")

    def holdings(self) -> tuple[Holding, ...]:
        return (Holding("prompts", "cpu", self.width),)

    def release(self) -> int:
        return self.width


def pair(*, zero_empty: bool = True, chunks: tuple[int, int] = (1, 1)) -> SdxlTextEncoder:
    first, second = Encoder(2, 1.0, chunks[0]), Encoder(3, 2.0, chunks[1], pooled=5)
    return SdxlTextEncoder(first, second, zero_empty)  # type: ignore[arg-type]


def test_both_stand_side_by_side_and_the_second_says_the_whole() -> None:
    both = pair()
    found = both.encode(["a", "b"], 2, "mix")
    assert found.context.shape == (2, 77, 5)
    assert found.context[0, 0].tolist() == [1, 1, 2, 2, 2]
    assert found.padding[0, 0].tolist() == [-1, -1, -2, -2, -2]
    assert found.pooled is not None
    assert (found.pooled == 2).all()
    for one in (both.first, both.second):
        assert one.asked == [(("a", "b"), 2, "mix")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("chunks", [(1, 2), (2, 1)])
def test_the_shorter_is_filled_up(chunks: tuple[int, int]) -> None:
    found = pair(chunks=chunks).encode(["a"])
    assert found.context.shape == (1, 154, 5)
    filled = slice(0, 2) if chunks[0] == 1 else slice(2, 5)
    assert (found.context[0, 77:, filled] < 0).all()
    assert (found.context[0, :77] > 0).all()


def test_an_empty_negative_prompt_is_zeros_where_the_model_was_trained_so() -> None:
    nothing = pair().unconditional("")
    assert not nothing.context.any()
    assert not nothing.padding.any()
    assert nothing.pooled is not None
    assert not nothing.pooled.any()
    for embedded in (pair().unconditional("fog"), pair(zero_empty=False).unconditional("")):
        assert embedded.context.any()
        assert embedded.pooled is not None
        assert embedded.pooled.any()


def test_each_is_taught_with_the_widths_of_both_and_its_own_place() -> None:
    both, shelf = pair(), object()
    both.teach(shelf)  # type: ignore[arg-type]
    assert both.first.asked == [(shelf, (2, 3), 0)]  # type: ignore[attr-defined]
    assert both.second.asked == [(shelf, (2, 3), 1)]  # type: ignore[attr-defined]


def test_they_are_counted_together() -> None:
    both = pair()
    assert [holding.nbytes for holding in both.holdings()] == [2, 3]
    assert both.release() == 5
    assert both.modules == {
        "text_encoder": both.first.model,
        "text_encoder_2": both.second.model,
    }
    assert both.count_tokens("four") == (4, 1)
    assert both.learned(["ink"]) == {"ink": "hash"}
