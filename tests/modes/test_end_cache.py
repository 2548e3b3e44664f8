"""What is kept for the ends of morphs: by content, within a bound, counted."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest
import torch

from backend.contracts.holdings import Holding
from backend.models.lora.file import LoraFile, LoraInfo, LowRank
from backend.modes.end_cache import EndCache, content_key


def test_the_same_contents_give_the_same_key() -> None:
    grid = torch.arange(6.0).reshape(2, 3)
    assert content_key("a", grid, 1) == content_key("a", grid.clone(), 1)
    turned = torch.arange(6.0).reshape(3, 2).T.contiguous()
    assert content_key(turned) == content_key(turned.T.contiguous().T)  # whatever the layout


def test_every_precision_has_keys_of_its_own() -> None:
    dtypes = (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool)
    keys = {content_key(torch.ones(3).to(dtype)) for dtype in dtypes}
    assert len(keys) == len(dtypes)
    assert content_key(torch.tensor(1.0)) != content_key(torch.tensor(2.0))
    assert content_key(torch.zeros(0)) != content_key(torch.zeros(0, 2))


@pytest.mark.parametrize(
    "other",
    [
        ("a", torch.zeros(2, 3)),
        ("b", torch.zeros(6)),
        ("a", torch.zeros(6, 1)),
        ("a", torch.ones(6)),
        ("a", torch.zeros(6), None),
        (torch.zeros(6), "a"),
    ],
)
def test_other_contents_give_another_key(other: tuple[object, ...]) -> None:
    assert content_key(*other) != content_key("a", torch.zeros(6))


def test_parts_do_not_run_into_each_other() -> None:
    assert content_key("ab", "c") != content_key("a", "bc")
    assert content_key(1) != content_key("1")


def test_the_least_recently_used_is_dropped() -> None:
    cache = EndCache(keep=2)
    cache.put("a", torch.zeros(1))
    cache.put("b", torch.zeros(2))
    assert cache.get("a", torch.Tensor) is not None
    cache.put("c", torch.zeros(3))
    assert cache.get("b", torch.Tensor) is None
    assert cache.get("a", torch.Tensor) is not None
    cache.put("c", torch.ones(3))
    found = cache.get("c", torch.Tensor)
    assert found is not None
    assert found.sum() == 3


def test_an_entry_of_another_kind_is_a_mistake() -> None:
    cache = EndCache()
    cache.put("a", torch.zeros(1))
    with pytest.raises(AssertionError):
        cache.get("a", LoraFile)


def test_tensors_and_loras_are_counted_and_let_go() -> None:
    delta = LowRank(torch.zeros(2, 4), torch.zeros(3, 2), 1.0)
    lora = LoraFile(LoraInfo("end", Path()), "k", "k", MappingProxyType({"unet.a": delta}))
    assert lora.nbytes == (8 + 6) * 4
    cache = EndCache()
    assert cache.holdings() == ()
    cache.put("lora", lora)
    cache.put("pair", (torch.zeros(5), [torch.zeros(2, dtype=torch.float16)]))
    cache.put("number", 1.5)
    held = lora.nbytes + 5 * 4 + 2 * 2
    assert cache.holdings() == (Holding("ends of morphs", "cpu", held),)
    assert cache.release() == held
    assert cache.get("number", float) is None
    assert cache.release() == 0
