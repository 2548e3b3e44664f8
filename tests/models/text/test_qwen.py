"""A language model's states as a prompt: as long as the prompt is, and made once."""

from __future__ import annotations

import pytest
import torch
from transformers import Qwen3Config, Qwen3Model

from backend.contracts.errors import BadInput
from backend.models.text.qwen import QwenReading, QwenText
from tests.tiny_flow import tiny_qwen_tokenizer


@pytest.fixture(scope="module")
def text() -> QwenText:
    words = tiny_qwen_tokenizer()
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        pad_token_id=words.pad_token_id,
    )
    return QwenText(Qwen3Model(config).eval(), words)


def test_each_row_has_its_own_length(text: QwenText) -> None:
    short, long = text.encode(["a"]), text.encode(["a long one"])
    both = text.encode(["a", "a long one"])
    assert both.lengths == (short.context.shape[1], long.context.shape[1])
    assert [row.shape[0] for row in both.alone] == list(both.lengths)
    assert torch.equal(both.alone[0], short.context[0])
    assert torch.equal(both.alone[1], long.context[0])
    assert text.count_tokens("a")[0] == short.context.shape[1]


def test_the_template_and_the_words_are_read_without_weights(text: QwenText) -> None:
    assert torch.equal(
        text.encode(["a (long:1.4) one"]).context, text.encode(["a long one"]).context
    )
    assert text.count_tokens("")[0] == len("<user><assistant>?")


def test_what_it_does_not_read_is_refused(text: QwenText) -> None:
    with pytest.raises(BadInput, match="this model reads 512"):
        text.encode(["a" * 600])
    with pytest.raises(BadInput, match="set it to 1"):
        text.encode(["a"], clip_skip=2)


def test_it_is_let_go_of(text: QwenText) -> None:
    text.encode(["kept"])
    (held,) = text.holdings()
    assert text.release() == held.nbytes
    assert text.holdings() == ()


def test_several_layers_may_stand_side_by_side_filling_and_all(text: QwenText) -> None:
    reading = QwenReading(layers=(1, 2), positions=64, thinks=False, shows_filling=True)
    both = QwenText(text.model, text._tokenizer, reading=reading)
    made = both.encode(["a", "a long one"])
    assert made.context.shape == (2, 64, 32)
    assert made.lengths is None
    assert both.count_tokens("")[0] == len("<user><assistant>")


def test_the_beginning_of_a_template_may_be_left_out(text: QwenText) -> None:
    reading = QwenReading(layers=(-1,), asked="begin {} end", skipped=6, filled=False)
    own = QwenText(text.model, text._tokenizer, reading=reading)
    made = own.encode(["{word}"])
    assert made.lengths == (len("{word} end"),)
    assert own.count_tokens("")[0] == len(" end")
    ids = text._tokenizer("begin {word} end", return_tensors="pt").input_ids
    assert torch.allclose(made.context, text.model(ids).last_hidden_state[:, 6:], atol=1e-6)
