"""The library as a plain value."""

from __future__ import annotations

import json
import pickle

import pytest

from backend.contracts.capabilities import Capabilities, Enlarging, SizeGrid
from backend.contracts.library import (
    Library,
    LoraEntry,
    ModelEntry,
    UpscalerEntry,
    Wildcard,
    plain,
    unknown,
)
from backend.contracts.samplers import SamplerEntry


def test_it_is_plain_and_travels() -> None:
    library = Library(
        (ModelEntry("sea", native_size=(256, 320)),),
        {"ddim": SamplerEntry("ddim", "DDIM", ("model",))},
        loras=(LoraEntry("ink", misfits={"sea": "It was made for another."}),),
        wildcards={"colour": Wildcard(("red", "blue"))},
    )
    assert pickle.loads(pickle.dumps(library)) == library
    assert library.model("sea") is library.models[0]
    assert library.model("Sea") is None


def test_an_entry_is_told_in_json_values() -> None:
    told = plain(ModelEntry("sea", example_prompts=("a", "b"), native_size=(256, 320)))
    assert told["native_size"] == [256, 320]
    assert json.loads(json.dumps(told)) == told
    misfits = plain(LoraEntry("ink", misfits={"sea": "It was made for another."}))["misfits"]
    assert misfits == {"sea": "It was made for another."}


def test_what_a_model_can_do_is_told_too() -> None:
    entry = ModelEntry("sea", can=Capabilities(guidance="none"), sizes=SizeGrid(16, 16, 64))
    told = plain(entry)
    assert told["can"]["guidance"] == "none"
    assert told["sizes"] == {"step_px": 16, "least_px": 16, "most_px": 64}
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    ("models", "name"),
    [
        ((ModelEntry("a"), ModelEntry("b", default=True)), "b"),
        ((ModelEntry("a"), ModelEntry("b")), "a"),
        ((ModelEntry("a", problem="It is damaged."), ModelEntry("b")), "b"),
        ((ModelEntry("a"), ModelEntry("b", default=True, problem="It is damaged.")), "a"),
        ((ModelEntry("a", problem="It is damaged."),), ""),
        ((), ""),
    ],
)
def test_the_default_model_is_the_one_whose_card_says_so_else_the_first_usable(
    models: tuple[ModelEntry, ...], name: str
) -> None:
    assert Library(models, {}).default_model == name


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("pocked", ["pocket", "xl"], "There is no model 'pocked'; did you mean 'pocket'?"),
        ("qq", ["b", "a"], "There is no model 'qq'; there are: a, b."),
        ("qq", [], "There is no model 'qq'; the models folder holds none."),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_near(
    name: str, known: list[str], said: str
) -> None:
    error = unknown("model", name, known, "model")
    assert (str(error), error.field) == (said, "model")


def test_what_enlarges_is_told_with_its_factor() -> None:
    larger = Capabilities(enlarges=Enlarging(2))
    library = Library(
        (
            ModelEntry("sea"),
            ModelEntry("x2", can=larger),
            ModelEntry("sharp", can=larger),
            ModelEntry("old", can=larger),
            ModelEntry("broken", can=larger, problem="It is damaged."),
        ),
        {},
        upscalers=(UpscalerEntry("sharp", scale=3), UpscalerEntry("old", problem="A pickle.")),
    )
    assert library.enlargers == {"sharp": 3, "x2": 2}
