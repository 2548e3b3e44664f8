"""Bytes that are kept beside the weights, counted by place."""

from __future__ import annotations

from backend.contracts.holdings import Holding, Keeper, bytes_at


class Shelf:
    def __init__(self, *holdings: Holding) -> None:
        self._holdings = holdings

    def holdings(self) -> tuple[Holding, ...]:
        return self._holdings

    def release(self) -> int:
        return 0


def test_they_are_summed_by_place_over_all_keepers() -> None:
    keepers = (
        Shelf(Holding("timelines", "cpu", 7), Holding("timelines", "cuda:0", 100)),
        Shelf(Holding("texts", "cpu", 3)),
        Shelf(),
    )
    assert bytes_at(keepers, "cpu") == 10
    assert bytes_at(keepers, "cuda:0") == 100
    assert bytes_at(keepers, "cuda:1") == 0


def test_a_keeper_is_told_by_what_it_can() -> None:
    assert isinstance(Shelf(), Keeper)
    assert not isinstance(object(), Keeper)
