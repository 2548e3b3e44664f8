"""A field that is declared once is everywhere: in forms, endpoints, axes, records and keys."""

from __future__ import annotations

import gradio as gr
import numpy as np
import pytest
from pydantic import Field

from backend.contracts import axes
from backend.contracts.events import Record
from backend.contracts.fields import affecting, says
from backend.contracts.settings import MODES, Fraction, Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.modes.end_cache import content_key
from backend.recipes import metadata
from backend.recipes.a1111 import parameters_text, parse_parameters
from backend.storage.presets import Preset, parse_preset
from ui.api.endpoints import parameters_of
from ui.forms.controls import control_for
from ui.forms.form import Form
from ui.forms.settings_words import differences
from ui.page.tabs.txt2img import TAB


class Glowing(Txt2ImgSettings):
    glow: Fraction = Field(
        0.25,
        title="Inner glow",
        description="How much it glows.",
        json_schema_extra=says(
            "text", group="advanced", step=0.01, unit="of light", a1111=("Glow",)
        ),
    )


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODES, "txt2img", Glowing)


def test_its_tab_shows_it_with_title_range_and_hint() -> None:
    assert TAB.in_advanced.count("glow") == 1
    engine = FakeEngine()
    form = Form("txt2img", engine)
    form.adopt(control_for(form.settings, "model"), gr.Dropdown(["pocket"], value="pocket"))
    slider = form.add("glow")
    engine.close()
    assert isinstance(slider, gr.Slider)
    assert (slider.label, slider.value, slider.step) == ("Inner glow", 0.25, 0.01)
    assert (slider.minimum, slider.maximum) == (0.0, 1.0)
    assert slider.info == "How much it glows. 0 to 1 of light."
    assert form.controls["glow"].read(0.5) == {"glow": 0.5}


def test_scripts_may_set_it() -> None:
    assert parameters_of(Glowing)["glow"] == (float, 0.25)


def test_it_may_stand_on_an_axis() -> None:
    fields = axes.fields_of(Glowing.model_json_schema()["properties"])
    marks = axes.marks("glow", "0-1 [3]", fields)
    assert [mark.change for mark in marks] == [{"glow": 0.0}, {"glow": 0.5}, {"glow": 1.0}]


def test_records_and_presets_keep_it() -> None:
    settings = Glowing(glow=0.5, seed=3)
    record = Record("txt2img", settings.model_dump(mode="json"), {"name": "pocket", "hash": ""})
    again = metadata.read(metadata.write_png(np.zeros((8, 8, 3), np.uint8), record))
    assert again.settings["glow"] == 0.5
    preset = parse_preset(Preset("mine", "txt2img", settings).to_bytes())
    assert preset.settings == settings


def test_other_tools_are_told_it_where_it_is_changed() -> None:
    def text(glow: float) -> str:
        values = Glowing(glow=glow, seed=3, guidance_scale=4.0).model_dump(mode="json")
        return parameters_text(Record("txt2img", values, {"name": "pocket", "hash": ""}))

    assert "Glow: 0.5" in text(0.5)
    assert "Glow" not in text(0.25)
    assert parse_parameters(text(0.5)).settings["glow"] == 0.5


def test_differences_are_told_by_its_title() -> None:
    a, b = (Glowing(glow=glow).model_dump(mode="json") for glow in (0.25, 0.5))
    assert "inner glow 0.25 → 0.5" in differences("txt2img", a, "txt2img", b)


def test_it_is_in_the_keys_of_what_it_affects_and_in_no_others() -> None:
    a, b = Glowing(glow=0.25), Glowing(glow=0.5)
    assert content_key(affecting(a, "text")) != content_key(affecting(b, "text"))
    assert content_key(affecting(a, "fit")) == content_key(affecting(b, "fit"))
