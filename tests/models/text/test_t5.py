"""T5's embeddings: diffusers' tensors, kept once, let go of on request."""

from __future__ import annotations

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.text.t5 import CHROMA_READING, T5Text
from tests.tiny_pixels import tiny_t5, tiny_t5_tokenizer


@pytest.fixture
def text() -> T5Text:
    torch.manual_seed(1)
    tokenizer = tiny_t5_tokenizer()
    return T5Text(tiny_t5(tokenizer), tokenizer)


def test_padding_is_masked_and_kept(text: T5Text) -> None:
    found = text.encode(["A red house ", ""])
    assert found.context.shape == (2, 77, 32)
    assert torch.equal(found.padding, found.context[1:])
    assert torch.equal(text.encode(["a red house"]).context, found.context[:1])
    assert text.count_tokens("a red house") == (3, 1)


def test_a_prompt_is_embedded_once(text: T5Text, monkeypatch: pytest.MonkeyPatch) -> None:
    before = text.encode(["a blue sky"]).context
    (held,) = text.holdings()
    assert held.nbytes == 2 * 77 * 32 * 4  # with the empty prompt

    def never(*_: object, **__: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(text.model, "forward", never)
    assert torch.equal(text.unconditional("a blue sky").context, before)
    assert text.release() == held.nbytes
    assert text.holdings() == ()


def test_what_it_does_not_read_is_refused(text: T5Text) -> None:
    with pytest.raises(BadInput, match="this model reads 76"):
        text.encode(["a " * 80])
    with pytest.raises(BadInput, match="set it to 1"):
        text.encode(["a"], clip_skip=2)


def test_captions_are_cleaned_where_it_is_asked_for() -> None:
    torch.manual_seed(1)
    tokenizer = tiny_t5_tokenizer()
    cleaning = T5Text(tiny_t5(tokenizer), tokenizer, cleans=True)
    plain = T5Text(cleaning.model, tokenizer)
    wanted = plain.encode(["a red house"]).context
    assert torch.equal(cleaning.encode(["A red house @anna"]).context, wanted)
    assert not torch.equal(plain.encode(["A red house @anna"]).context, wanted)
    assert cleaning.count_tokens("A red house @anna") == (3, 1)


def test_a_network_may_be_told_how_long_a_prompt_is(text: T5Text) -> None:
    """With the first token that fills it up, as Chroma is."""
    own = T5Text(text.model, text._tokenizer, reading=CHROMA_READING)
    made = own.encode(["a red house", ""])
    counts = [len(text._tokenizer(words).input_ids) + 1 for words in ("a red house", "")]
    assert made.lengths == tuple(counts)
    assert made.context.shape[:2] == (2, 512)
    assert made.shown is not None
    assert made.shown.sum(dim=1).tolist() == counts
    assert text.encode(["a red house"]).lengths is None
