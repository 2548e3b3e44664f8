"""Shuffling draws from NumPy's global noise, one at a time, and puts it back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backend.control import shuffle
from backend.control.shuffle import Shuffle
from tests.control.scenes import shapes


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    def use(detect: Callable[..., Any]) -> None:
        monkeypatch.setattr(shuffle, "detector_class", lambda name: lambda: detect)

    return use


def noisy(image: Any, **options: Any) -> Any:
    return np.random.randint(0, 255, image.shape, np.uint8)


def test_the_seed_decides(detector: Callable[..., None]) -> None:
    detector(noisy)
    first = Shuffle(1)(shapes(64, 64))
    assert np.array_equal(first, Shuffle(1)(shapes(64, 64)))
    assert not np.array_equal(first, Shuffle(2)(shapes(64, 64)))
    wanted = np.random.RandomState(1).randint(0, 255, (64, 64, 3), np.uint8)
    assert np.array_equal(first, wanted)


@pytest.mark.parametrize("fails", [False, True])
def test_the_global_noise_goes_on_where_it_was(detector: Callable[..., None], fails: bool) -> None:
    def detect(image: Any, **options: Any) -> Any:
        noisy(image)
        return 1 / 0 if fails else image

    detector(detect)
    np.random.seed(5)
    wanted = np.random.random(3)
    np.random.seed(5)
    if fails:
        with pytest.raises(ZeroDivisionError):
            Shuffle()(shapes(64, 64))
    else:
        Shuffle()(shapes(64, 64))
    assert np.array_equal(np.random.random(3), wanted)


def test_two_at_once_do_not_draw_each_others_noise(detector: Callable[..., None]) -> None:
    inside, met, company = list[int](), list[int](), threading.Event()

    def detect(image: Any, **options: Any) -> Any:
        inside.append(1)
        if len(inside) > 1:
            company.set()
        company.wait(0.05)  # long enough for the other one to come in, if it may
        met.append(len(inside))
        drawn = noisy(image)
        inside.pop()
        return drawn

    detector(detect)
    found = list[Any]()
    threads = [
        threading.Thread(target=lambda: found.append(Shuffle(3)(shapes(64, 64)))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == [1, 1]
    assert np.array_equal(found[0], found[1])


def test_it_is_asked_at_the_size_of_the_picture(detector: Callable[..., None]) -> None:
    asked = dict[str, Any]()

    def detect(image: Any, **options: Any) -> Any:
        asked.update(options)
        return image

    detector(detect)
    Shuffle()(shapes(200, 32))
    assert asked["image_resolution"] == asked["detect_resolution"] == 64
