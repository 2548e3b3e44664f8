"""Seeds counted on."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import parse, seed_after


@pytest.mark.parametrize(
    ("seed", "ahead", "expected"),
    [
        (7, 3, 10),
        (2**32 - 1, 1, 0),
        (2**50, 2, 2**50 + 2),
        (2**64 - 1, 1, 0),
    ],
)
def test_a_seed_wraps_where_its_noise_does(seed: int, ahead: int, expected: int) -> None:
    assert seed_after(seed, ahead) == expected
    assert (seed + ahead) % 2**32 == expected % 2**32


def test_seeds_have_64_bits() -> None:
    assert parse("txt2img", {"seed": 2**64 - 1}).seed == 2**64 - 1
    with pytest.raises(BadInput, match="'seed'"):
        parse("txt2img", {"seed": 2**64})
