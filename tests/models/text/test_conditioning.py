"""Embedded prompts as batches: rows, lengths, mixtures."""

from __future__ import annotations

import torch

from backend.models.text.conditioning import Conditioning

PADDING = torch.full((1, 77, 4), -1.0)


def made(rows: int, chunks: int = 1, *, first: float = 0.0, pooled: bool = True) -> Conditioning:
    context = first + torch.arange(rows * chunks * 77 * 4).float().reshape(rows, chunks * 77, 4)
    vectors = first + torch.arange(rows * 3).float().reshape(rows, 3)
    return Conditioning(context, PADDING, vectors if pooled else None)


def test_some_rows() -> None:
    whole = made(3)
    part = whole[1:]
    assert (len(whole), len(part)) == (3, 2)
    assert torch.equal(part.context, whole.context[1:])
    assert part.pooled is not None
    assert whole.pooled is not None
    assert torch.equal(part.pooled, whole.pooled[1:])
    assert made(2, pooled=False)[:1].pooled is None


def test_missing_chunks_are_the_empty_prompt() -> None:
    short = made(2)
    long = short.padded(3 * 77)
    assert long.context.shape == (2, 231, 4)
    assert torch.equal(long.context[:, :77], short.context)
    assert torch.equal(long.context[:, 77:], PADDING.repeat(2, 2, 1))
    assert short.padded(77) is short
    assert long.padded(77) is long


def test_rows_are_repeated_in_succession() -> None:
    twice = made(2).repeat(2)
    one = made(2)
    assert torch.equal(twice.context, one.context[[0, 0, 1, 1]])
    assert twice.pooled is not None
    assert one.pooled is not None
    assert torch.equal(twice.pooled, one.pooled[[0, 0, 1, 1]])
    assert made(2, pooled=False).repeat(3).pooled is None


def test_a_mixture_is_exactly_either_end_at_the_ends() -> None:
    a, b = made(1), made(1, 2, first=0.1)
    assert torch.equal(a.lerp(b, 0.0).context, a.padded(154).context)
    assert torch.equal(a.lerp(b, 1.0).context, b.context)
    middle = a.lerp(b, 0.5)
    torch.testing.assert_close(middle.context, (a.padded(154).context + b.context) / 2)
    assert middle.pooled is not None
    torch.testing.assert_close(middle.pooled, a.pooled + 0.05)
    assert a.lerp(made(1, pooled=False), 0.5).pooled is None


def test_a_mixture_keeps_the_precision_and_is_worked_out_in_float32() -> None:
    half = Conditioning(torch.tensor([[[1.0]]]).half(), PADDING[:, :1, :1].half())
    other = Conditioning(torch.tensor([[[1.001]]]).half(), PADDING[:, :1, :1].half())
    mixed = half.lerp(other, 0.5).context
    assert mixed.dtype == torch.float16
    wanted = (half.context.float() + other.context.float()) / 2
    assert torch.equal(mixed, wanted.half())


def test_batches_join_in_order_at_the_length_of_the_longest() -> None:
    short, long = made(1), made(2, 2, first=9.0)
    joined = Conditioning.cat([short, long])
    assert joined.context.shape == (3, 154, 4)
    assert torch.equal(joined.context[:1], short.padded(154).context)
    assert torch.equal(joined.context[1:], long.context)
    assert joined.pooled is not None
    assert joined.pooled.shape == (3, 3)
    assert Conditioning.cat([made(1, pooled=False)]).pooled is None


def test_what_is_shown_of_a_row_is_its_own() -> None:
    padding = torch.zeros(1, 1, 2)
    long, short = torch.ones(1, 3, 2), torch.ones(1, 2, 2)
    both = Conditioning.cat(
        [Conditioning(row, padding, lengths=(row.shape[1],)) for row in (long, short)]
    )
    assert both.shown is not None
    assert both.shown.tolist() == [[True, True, True], [True, True, False]]
    assert both[:1].shown is None
    assert Conditioning(long, padding).shown is None
