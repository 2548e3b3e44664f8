"""Embeddings that outlive their encoder."""

from __future__ import annotations

import pytest
import torch

from backend.models.text.remembered import Remembered
from backend.models.text.t5 import T5Text
from tests.tiny_pixels import tiny_t5, tiny_t5_tokenizer


def test_it_answers_from_memory_once_it_is_left() -> None:
    torch.manual_seed(1)
    tokenizer = tiny_t5_tokenizer()
    text = T5Text(tiny_t5(tokenizer), tokenizer)
    kept = Remembered(text)
    said = kept.encode(["a house", "a sky"])
    assert torch.equal(said.context, text.encode(["a house", "a sky"]).context)
    not_said = kept.unconditional("red")
    kept.leave()
    assert torch.equal(kept.encode(["a sky"]).context, said.context[1:])
    assert torch.equal(kept.unconditional("red").context, not_said.context)
    with pytest.raises(KeyError, match="not embedded"):
        kept.encode(["a fish"])
