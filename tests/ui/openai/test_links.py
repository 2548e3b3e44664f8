"""Addresses of pictures: signed, and for a while."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from ui.openai.links import LASTS_S, Linked, Links

LINKED = Linked("job/1", 2, "webp")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def parts(address: str) -> list[str]:
    found = urlsplit(address)
    query = parse_qs(found.query)
    name = found.path.split("/")[-1]
    return ["job/1", name, query["expires"][0], query["signature"][0]]


def test_an_address_means_its_picture_for_an_hour() -> None:
    clock = Clock()
    links = Links(b"k" * 32, clock)
    address = links.of(LINKED)
    assert address.startswith("job%2F1/2.webp?")
    assert links.read(*parts(address)) == LINKED
    clock.now += LASTS_S - 1
    assert links.read(*parts(address)) == LINKED
    clock.now += 2
    assert links.read(*parts(address)) is None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "job/2"),
        (1, "3.webp"),
        (1, "2.png"),
        (1, "2"),
        (1, "-1.webp"),
        (2, "2000000"),
        (2, "x"),
        (2, "9" * 40),
        (3, ""),
        (3, "ü"),
        (3, "0" * 40),
    ],
)
def test_what_is_not_signed_is_nobodys(place: int, value: str) -> None:
    links = Links(b"k" * 32, Clock())
    asked = parts(links.of(LINKED))
    asked[place] = value
    assert links.read(*asked) is None


def test_another_studio_signs_otherwise() -> None:
    asked = parts(Links(b"k" * 32, Clock()).of(LINKED))
    assert Links(b"l" * 32, Clock()).read(*asked) is None
