"""Pictures are encoded once: what counts as the same, what is dropped, what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backend.contracts.errors import Cancelled
from backend.contracts.events import Pixels
from backend.contracts.holdings import Holding
from backend.models.autoencoder.posterior import PosteriorCache
from backend.models.memory.devices import Target

CPU = torch.device("cpu")
BYTES = 2 * 4 * 4  # mean and deviation of (1, 4, 1, 1)


@dataclass
class Codec:
    """Counts what it encodes."""

    calls: list[Any] = field(default_factory=list[Any])

    def encode(
        self,
        images: Pixels,
        check: Callable[[], None] | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if check is not None:
            check()
        self.calls.append(hidden)
        mean = torch.full((1, 4, 1, 1), float(images.mean()))
        return mean, mean + 1


def model(codec: Codec, **changes: Any) -> Any:
    parts: dict[str, Any] = {
        "info": SimpleNamespace(path=Path("a")),
        "hash": "0",
        "vae_hash": "",
        "target": Target(CPU, torch.float32),
        "codec": codec,
    }
    return SimpleNamespace(**(parts | changes))


def picture(value: int, height: int = 8, width: int = 8) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


def test_the_same_picture_is_encoded_once() -> None:
    cache, codec = PosteriorCache(), Codec()
    mean, std = cache.encode(model(codec), picture(7))
    again = cache.encode(model(codec), picture(7))
    assert len(codec.calls) == len(cache) == 1
    assert torch.equal(mean, torch.full((1, 4, 1, 1), 7.0))
    assert torch.equal(again[0], mean)
    assert torch.equal(again[1], std)
    cache.encode(model(codec), picture(7)[::-1])  # the same bytes in another order of memory
    assert len(codec.calls) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"info": SimpleNamespace(path=Path("b"))},
        {"hash": "1"},
        {"vae_hash": "1"},
        {"target": Target(CPU, torch.bfloat16)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_model_or_precision_is_another_matter(changes: dict[str, Any]) -> None:
    cache, codec = PosteriorCache(), Codec()
    cache.encode(model(codec), picture(7))
    cache.encode(model(codec, **changes), picture(7))
    assert len(codec.calls) == 2


def test_so_is_another_shape_or_what_is_hidden() -> None:
    cache, codec = PosteriorCache(), Codec()
    left, right = np.zeros((2, 8, 8), np.bool_)
    left[:, :4], right[:, 4:] = True, True
    cache.encode(model(codec), picture(7))
    cache.encode(model(codec), picture(7, 4, 16))
    cache.encode(model(codec), picture(7), hidden=left)
    cache.encode(model(codec), picture(7), hidden=right)
    cache.encode(model(codec), picture(7), hidden=left)
    assert len(codec.calls) == 4
    assert np.array_equal(codec.calls[2], left[None])


def test_the_least_recently_used_is_dropped() -> None:
    cache, codec = PosteriorCache(keep=2), Codec()
    for value in (1, 2, 1, 3):
        cache.encode(model(codec), picture(value))
    assert len(cache) == 2
    cache.encode(model(codec), picture(1))
    assert len(codec.calls) == 3
    cache.encode(model(codec), picture(2))
    assert len(codec.calls) == 4


def test_a_stop_keeps_nothing() -> None:
    def stop() -> None:
        raise Cancelled("Stopped.")

    cache = PosteriorCache()
    with pytest.raises(Cancelled):
        cache.encode(model(Codec()), picture(1), stop)
    assert len(cache) == 0


def test_its_bytes_are_told_and_can_be_let_go() -> None:
    cache, codec = PosteriorCache(), Codec()
    assert cache.holdings() == ()
    cache.encode(model(codec), picture(1))
    cache.encode(model(codec), picture(2))
    assert cache.holdings() == (Holding("encoded pictures", "cpu", 2 * BYTES),)
    assert cache.release() == 2 * BYTES
    assert (len(cache), cache.release()) == (0, 0)
