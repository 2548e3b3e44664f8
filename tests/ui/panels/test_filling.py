"""A recipe from outside fills the form of its tab, opens it, and says what is not as it was."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from ui.forms.controls import control_for
from ui.forms.form import Form
from ui.gradio_compat.untyped import skip
from ui.panels.filling import Filler
from ui.panels.tab_bar import TabBar

FIELDS = ("prompt", "negative_prompt", "vae", "sampler", "schedule", "steps", "width", "seed")


@pytest.fixture
def forms() -> Iterator[dict[str, Form]]:
    engine = FakeEngine()
    made: dict[str, Form] = {}
    for mode in ("txt2img", "img2img"):
        form = made[mode] = Form(mode, engine)
        form.adopt(control_for(form.settings, "model"), gr.Dropdown(["pocket"], value="pocket"))
        for name in FIELDS:
            form.add(name)
    yield made
    engine.close()


@pytest.fixture
def filler(forms: dict[str, Form]) -> Filler:
    spaces: Any = [
        SimpleNamespace(form=form, actions=f"{mode} actions", axes=None)
        for mode, form in forms.items()
    ]
    studio: Any = SimpleNamespace(engine=forms["txt2img"].engine)
    header: Any = SimpleNamespace(notices="notices")
    tabs = TabBar(cast(gr.Tabs, "tabs"), cast(gr.State, "shown"))
    return Filler(studio, header, spaces, tabs)


def by_output(filler: Filler, forms: dict[str, Form], updates: list[Any]) -> dict[str, Any]:
    names = [
        name
        for mode, form in forms.items()
        for name in (*(f"{mode}/{k}" for k in form.parts), mode)
    ]
    assert len(updates) == len(filler.outputs)
    return dict(zip([*names, "tabs", "shown", "notices"], updates, strict=True))


def test_its_tab_is_filled_and_opened_and_the_others_stay(
    filler: Filler, forms: dict[str, Form]
) -> None:
    settings = Txt2ImgSettings(prompt="a boat", steps=7, seed=5).model_dump(mode="json")
    told = by_output(filler, forms, filler.fill("txt2img", settings, "It is in the form."))
    assert told["txt2img/prompt"]["value"] == "a boat"
    assert told["txt2img/steps"]["value"] == 7
    assert told["txt2img/seed"]["value"] == 5
    assert told["img2img/prompt"] == skip()
    assert told["img2img"] == skip()
    assert told["shown"] == "txt2img"
    assert told["notices"]["undo"] == "txt2img"
    assert told["notices"]["notes"][0]["text"] == "It is in the form."


def test_what_is_not_here_is_said_and_something_else_stands_there(
    filler: Filler, forms: dict[str, Form]
) -> None:
    settings = Txt2ImgSettings(vae="lost").model_dump(mode="json")
    told = by_output(filler, forms, filler.fill("txt2img", settings, "Filled.", ("And this.",)))
    assert told["txt2img/vae"]["value"] == ""
    said = told["notices"]["further"]
    assert any("lost" in line for line in said)
    assert "The model's own autoencoder is chosen in its place." in said
    assert said[-1] == "And this."


def test_settings_without_a_tab_are_refused_and_nothing_is_filled(
    filler: Filler, forms: dict[str, Form]
) -> None:
    def fill() -> list[Any]:
        return filler.fill("morph", {}, "Filled.")

    with pytest.raises(BadInput, match="has no tab here"):
        fill()
    told = by_output(filler, forms, filler.guarded(fill))
    assert {str(value) for name, value in told.items() if "/" in name} == {str(skip())}
    assert told["shown"] == skip()
    (note,) = told["notices"]["notes"]
    assert note["kind"] == "warn"
    assert "has no tab here" in note["text"]


def test_what_is_missing_holds_generate_back(filler: Filler, forms: dict[str, Form]) -> None:
    settings = {"prompt": "a house, embedding:gone", "vae": "softer", "hires_upscaler": "R-ESRGAN"}
    updates = filler.fill("txt2img", settings, "x", model={"name": "dreams", "hash": ""})
    held = by_output(filler, forms, updates)["txt2img"]["held"]
    assert held["fields"] == {
        "model": {"instead": None, "words": ["dreams"]},
        "vae": {"instead": "", "words": ["softer"]},
        "hires_upscaler": {"instead": "lanczos", "words": ["R-ESRGAN"]},
        "embeddings": {"instead": None, "words": ["gone"]},
    }
    for words in ("'dreams'", "'softer'", "'R-ESRGAN'", "'gone'", "models/vae", "choose something"):
        assert words in held["said"]
    here = by_output(filler, forms, filler.fill("txt2img", {"prompt": "a house"}, "x"))
    assert here["txt2img"]["held"] is None
