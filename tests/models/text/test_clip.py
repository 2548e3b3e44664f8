from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from backend.contracts.errors import BadInput
from backend.models.checkpoint import Checkpoint
from backend.models.text.clip import MAX_CHUNKS, TextEncoder

PROMPTS = ["", "a red house under a blue sky", "two fish, 3 cats & a böat!!! 🐟"]


@pytest.fixture
def text(eps: Checkpoint) -> TextEncoder:
    """A fresh encoder over shared weights, so that no test sees another's cache."""
    return TextEncoder(eps.text.model, eps.text.tokenizer)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_plain_prompt_gives_the_tensor_of_diffusers(
    text: TextEncoder, root: Path, prompt: str
) -> None:
    pipe = StableDiffusionPipeline.from_pretrained(root / "checkpoints" / "tiny-eps")
    reference, _ = pipe.encode_prompt(prompt, "cpu", 1, False)
    assert torch.equal(text.encode([prompt]).context, reference)
    # Nor do neighbours in the batch change it.
    assert torch.equal(text.encode(["a cat", prompt]).context[1:], reference)


def test_clip_skip_takes_an_earlier_layer_and_the_final_norm(text: TextEncoder) -> None:
    tok, model = text.tokenizer, text.model
    ids = tok("a fish", padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        states = model(ids, output_hidden_states=True).hidden_states
        for skip in (1, 2, 3):
            expected = model.final_layer_norm(states[-skip])
            assert torch.equal(text.encode(["a fish"], clip_skip=skip).context, expected)


def test_clip_skip_beyond_the_layers_is_refused(text: TextEncoder) -> None:
    with pytest.raises(BadInput, match="3 layers"):
        text.encode(["a"], clip_skip=4)


def test_weights_scale_their_tokens_only(text: TextEncoder) -> None:
    plain = text.encode(["a red house"]).context[0]
    weighted = text.encode(["a (red:1.5) house"]).context[0]
    # The tiny encoder's layer norm leaves no mean, so none is restored.
    assert torch.allclose(weighted[2], 1.5 * plain[2])
    others = [i for i in range(77) if i != 2]
    assert torch.equal(weighted[others], plain[others])


def test_the_mean_of_the_chunk_is_restored_where_there_is_one(text: TextEncoder) -> None:
    bias = text.model.final_layer_norm.bias
    bias.fill_(0.5)
    try:
        plain = text.encode(["a red house"]).context
        weighted = text.encode(["a (red:1.5) house"]).context
    finally:
        bias.zero_()
    assert weighted.mean().item() == pytest.approx(plain.mean().item(), rel=1e-5)
    scaled = plain.clone()
    scaled[0, 2] *= 1.5
    expected = scaled * (plain.mean() / scaled.mean())
    assert torch.allclose(weighted, expected, atol=1e-6)
    assert not torch.allclose(weighted, scaled, atol=1e-4)


def test_long_prompts_are_encoded_chunk_by_chunk(text: TextEncoder) -> None:
    long = text.encode(["cat " * 75 + "fish"])
    assert long.context.shape == (1, 154, 32)
    assert torch.equal(long.context[:, :77], text.encode(["cat " * 75]).context)
    assert torch.equal(long.context[:, 77:], text.encode(["fish"]).context)


def test_break_starts_a_chunk(text: TextEncoder) -> None:
    broken = text.encode(["a red house BREAK fish"]).context
    assert torch.equal(broken[:, 77:], text.encode(["fish"]).context)
    assert text.encode(["a BREAK"]).context.shape[1] == 77
    assert text.encode(["BREAK a"]).context.shape[1] == 154


def test_a_batch_is_padded_with_empty_chunks(text: TextEncoder) -> None:
    both = text.encode(["", "cat " * 80])
    assert both.context.shape == (2, 154, 32)
    assert torch.equal(both.context[0, 77:], text.encode([""]).context[0])


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("", (0, 1)), ("a red house", (3, 1)), ("cat " * 76, (76, 2)), ("a BREAK b", (2, 2))],
)
def test_token_counter(text: TextEncoder, prompt: str, expected: tuple[int, int]) -> None:
    assert text.count_tokens(prompt) == expected


def test_very_long_prompts_are_fast_or_refused(text: TextEncoder) -> None:
    begin = time.process_time()
    text.encode(["a cat " * 1000])
    with pytest.raises(BadInput, match=f"shorten it to {MAX_CHUNKS}"):
        text.encode(["cat " * 25_000])
    with pytest.raises(BadInput, match="shorten"):
        text.encode(["x" * 100_000])
    assert time.process_time() - begin < 10


def test_the_cache_is_used_and_keeps_weights_apart(
    text: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    inner = text._hidden

    def counted(tokens: tuple[int, ...], clip_skip: int) -> tuple[torch.Tensor, None]:
        nonlocal calls
        calls += 1
        return inner(tokens, clip_skip)

    monkeypatch.setattr(text, "_hidden", counted)
    first = text.encode(["", "a fish"])
    assert calls == 2
    assert torch.equal(text.encode(["", "a fish"]).context, first.context)
    assert calls == 2
    text.encode(["a fish"], clip_skip=2)
    assert calls == 4
    text.encode(["", "a fish"], weights_key="some-lora:0.5")
    assert calls == 6


def test_the_cache_is_bounded_in_bytes(text: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.models.text.clip.CACHE_BYTES", 3 * 77 * 32 * 4)
    for number in range(10):
        text.encode([f"fish {number}"])
    assert len(text._cache) == 3


def test_conditioning_algebra(text: TextEncoder) -> None:
    from backend.models.text.clip import Conditioning

    short, long = text.encode(["a fish"]), text.encode(["cat " * 80])
    both = Conditioning.cat([short, long])
    assert both.context.shape == (2, 154, 32)
    assert len(both.repeat(3)) == 6
    assert torch.equal(both.repeat(3).context[2], both.context[0])
    assert torch.equal(both[1:].context, long.context)
    assert torch.equal(short.lerp(long, 0.0).context, short.padded(154).context)
    assert torch.equal(short.lerp(long, 1.0).context, long.context)
    middle = 0.25 * long.context + 0.75 * short.padded(154).context
    assert torch.allclose(short.lerp(long, 0.25).context, middle, atol=1e-6)
