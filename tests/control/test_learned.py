"""Learned detectors without their package: what is loaded, kept, asked and said."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any, get_args

import numpy as np
import pytest

from backend.contracts.errors import ModelProblem, UnknownName
from backend.control import learned
from backend.control.learned import ANNOTATORS, CLASS_OF, KEPT, Learned, LearnedName
from tests.control.scenes import shapes

Load = Callable[[str], Any]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What was loaded, in order; the last entry's `load` may be replaced."""
    loaded: list[Any] = []

    class Class:
        load: Load | None = None

        def __init__(self, name: str) -> None:
            self.name = name

        def from_pretrained(self, weights: str) -> Any:
            loaded.append((self.name, weights))
            if Class.load is not None:
                return Class.load(weights)
            return network

    def network(image: Any, **options: Any) -> Any:
        loaded.append(options)
        warnings.warn("deprecated inside the package", DeprecationWarning, stacklevel=1)
        return image[:, :, 0]

    learned._load.cache_clear()
    monkeypatch.setattr(learned, "detector_class", Class)
    loaded.append(Class)
    yield loaded
    learned._load.cache_clear()


def test_every_name_has_a_class_of_its_own() -> None:
    assert set(CLASS_OF) == set(get_args(LearnedName))
    assert len(set(CLASS_OF.values())) == len(CLASS_OF)


def test_it_is_asked_at_the_size_of_the_picture_and_quietly(hub: list[Any]) -> None:
    image = shapes(96, 128)
    control = Learned("depth_midas", "folder")(image)
    assert np.array_equal(control, np.repeat(image[:, :, :1], 3, axis=2))
    assert hub[1:] == [
        ("MidasDetector", "folder"),
        {"detect_resolution": 96, "output_type": "np", "image_resolution": 96},
    ]
    Learned("depth_midas", "folder")(shapes(200, 16))
    assert hub[-1]["image_resolution"] == 64  # no less


def test_the_last_ones_are_kept(hub: list[Any]) -> None:
    order: tuple[LearnedName, ...] = ("lineart", "mlsd", "lineart", "openpose", "mlsd")
    for name in order:
        learned._load(name, ANNOTATORS)
    assert KEPT == 2
    assert [name for name, _ in hub[1:]] == [
        "LineartDetector",
        "MLSDdetector",
        "OpenposeDetector",
        "MLSDdetector",
    ]
    learned._load("mlsd", "elsewhere")
    assert hub[-1] == ("MLSDdetector", "elsewhere")


def failing(error: Exception) -> Load:
    def load(weights: str) -> Any:
        raise error

    return load


@pytest.mark.parametrize(
    "error", [pickle.UnpicklingError(), RuntimeError("size mismatch"), KeyError("a"), EOFError()]
)
def test_damaged_weights_are_said_to_be(hub: list[Any], error: Exception) -> None:
    hub[0].load = failing(error)
    with pytest.raises(ModelProblem) as raised:
        Learned("mlsd")(shapes())
    assert str(raised.value) == (
        "The weights of the detector 'mlsd' are damaged, or of another detector; delete them from "
        "the hub's cache so that they are fetched again, or use canny."
    )
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [OSError("offline"), TimeoutError(), ValueError("no such file")])
def test_weights_that_cannot_be_fetched_are_said_to_be(hub: list[Any], error: Exception) -> None:
    hub[0].load = failing(error)
    with pytest.raises(ModelProblem, match=r"fetches its weights .*\(lllyasviel/Annotators\)"):
        Learned("mlsd")(shapes())
    hub[0].load = None
    assert Learned("mlsd")(shapes()).any()  # a failure is not kept


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(UnknownName) as error:
        Learned("canny")  # type: ignore[arg-type]
    assert error.value.field == "detector"
