"""What CLIP and T5 read together: shapes, places, and what is kept."""

from __future__ import annotations

import pytest
import torch
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from backend.contracts.errors import BadInput
from backend.models.text.clip import TextEncoder
from backend.models.text.clip_t5 import FLUX_READING, SD3_READING, FluxText, Sd3Text
from backend.models.text.t5 import T5Text
from tests.tiny import _text_config, tiny_tokenizer
from tests.tiny_pixels import tiny_t5, tiny_t5_tokenizer

WIDTH = 72


def sd3(t5: bool = True) -> Sd3Text:
    torch.manual_seed(0)
    words, read = tiny_tokenizer(), tiny_t5_tokenizer()
    encoders = [
        TextEncoder(
            CLIPTextModelWithProjection(_text_config(words, projection_dim=16)).eval(),
            words,
            penultimate=True,
        )
        for _ in range(2)
    ]
    third = T5Text(tiny_t5(read, WIDTH), read, reading=SD3_READING) if t5 else None
    return Sd3Text(*encoders, third, WIDTH)


def flux() -> FluxText:
    torch.manual_seed(0)
    words, read = tiny_tokenizer(), tiny_t5_tokenizer()
    clip = CLIPTextModel(_text_config(words)).eval()
    return FluxText(clip, words, T5Text(tiny_t5(read), read, reading=FLUX_READING))


def test_the_encoders_of_sd3_stand_side_by_side_and_behind_each_other() -> None:
    text = sd3()
    found = text.encode(["a red house", ""])
    assert found.context.shape == (2, 77 + 256, WIDTH)
    assert found.pooled is not None
    assert found.pooled.shape == (2, 32)
    assert torch.equal(found.padding, found.context[1:])
    clip, t5 = found.context[:, :77], found.context[:, 77:]
    assert not clip[..., 64:].any()  # filled up to the width of T5
    assert torch.equal(t5[:1], text.third.encode(["a red house"]).context)  # type: ignore[union-attr]
    assert torch.equal(clip[:1, :, :32], text.first.encode(["a red house"]).context)
    assert list(text.modules) == ["text_encoder", "text_encoder_2", "text_encoder_3"]


def test_without_t5_zeros_take_its_place() -> None:
    text = sd3(t5=False)
    assert not text.encode(["a red house"]).context[:, 77:].any()
    assert list(text.modules) == ["text_encoder", "text_encoder_2"]
    assert text.release() > 0


def test_a_long_prompt_is_cut_for_clip_and_read_by_t5() -> None:
    text = sd3()
    long = "a " * 100
    assert text.encode([long]).context.shape == (1, 333, WIDTH)
    with pytest.raises(BadInput, match="this model reads 255"):
        text.encode(["a " * 300])


def test_weights_act_on_clip_and_are_not_read_by_t5() -> None:
    text = sd3()
    plain, heavy = (text.encode([prompt]) for prompt in ("a red house", "a (red:1.5) house"))
    assert torch.equal(plain.context[:, 77:], heavy.context[:, 77:])
    assert not torch.equal(plain.context[:, :77], heavy.context[:, :77])


def test_flux_attends_to_t5_and_is_told_clips_one_vector() -> None:
    text = flux()
    found = text.encode(["a red house", "a fish"])
    assert found.context.shape == (2, 512, 32)
    assert found.pooled is not None
    assert found.pooled.shape == (2, 32)
    assert not torch.equal(found.pooled[0], found.pooled[1])
    assert torch.equal(text.unconditional("a fish").pooled, found.pooled[1:])  # type: ignore[arg-type]
    assert text.count_tokens("a red house") == (3, 1)
    assert {held.nbytes for held in text.holdings()}
    assert text.release() > 0
    assert text.holdings() == ()


def test_another_layer_of_clip_is_refused_by_flux() -> None:
    with pytest.raises(BadInput, match="set it to 1"):
        flux().encode(["a"], clip_skip=2)
