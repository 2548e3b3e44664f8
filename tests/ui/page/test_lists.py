"""Lists that follow the models folders while the studio runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from backend.contracts.library import Library, ModelEntry, VaeEntry
from backend.engine.fake.engine import FakeEngine
from ui.forms.controls import control_for
from ui.forms.form import Form
from ui.page.lists import Lists

FIELDS = ("vae", "hires_upscaler", "width")


class Growing(FakeEngine):
    """Has what a test puts into its folders."""

    def __init__(self) -> None:
        super().__init__()
        self.there = super().library()

    def library(self, *, refresh: bool = False) -> Library:
        """What lies there."""
        return self.there


@pytest.fixture
def engine() -> Iterator[Growing]:
    made = Growing()
    yield made
    made.close()


def form_of(engine: Growing) -> Form:
    form = Form("txt2img", engine)
    names = [card.name for card in engine.there.models]
    model = gr.Dropdown(names, value=engine.there.default_model or None)
    form.adopt(control_for(form.settings, "model"), model)
    for name in FIELDS:
        form.add(name)
    return form


def touched(updates: list[Any]) -> bool:
    return any("choices" in update for update in updates if isinstance(update, dict))


def test_lists_follow_the_folders(engine: Growing) -> None:
    asked = Lists(engine, [form_of(engine)]).look
    stamp, *_ = asked("")
    assert not touched(asked(stamp))
    engine.there = replace(
        engine.there,
        models=(*engine.there.models, ModelEntry("newcomer")),
        vaes=(VaeEntry("soft"), VaeEntry("bad", problem="It is damaged.")),
    )
    later, models, vaes, upscalers = asked(stamp)
    assert later != stamp
    assert "newcomer" in [name for _, name in models["choices"]]
    assert "value" not in models
    assert vaes["choices"] == [("the model's own", ""), ("soft", "soft")]
    assert "choices" in upscalers
    assert not touched(asked(later))


def test_a_page_that_opened_on_no_model_takes_the_first_that_comes(engine: Growing) -> None:
    there = engine.there
    engine.there = replace(there, models=())
    lists = Lists(engine, [form_of(engine)])
    engine.there = there
    assert lists.look("")[1]["value"] == there.default_model


def test_an_unusable_file_that_sorts_first_is_not_taken_for_the_chosen_one(
    engine: Growing,
) -> None:
    broken = ModelEntry("aaa", problem="It is damaged.", native_size=(512, 512))
    small = ModelEntry("pocket", native_size=(256, 256))
    engine.there = replace(engine.there, models=(broken, small))
    form = form_of(engine)
    (shown,) = (part for key, part in form.parts.items() if key == "size")
    assert isinstance(shown, gr.Dropdown)
    assert ("256 × 256, native", "native") in [tuple(choice) for choice in shown.choices]


def test_a_record_of_a_new_model_brings_it_into_the_list(engine: Growing) -> None:
    form = form_of(engine)
    engine.there = replace(engine.there, models=(*engine.there.models, ModelEntry("newcomer")))
    update = form.write({"model": "newcomer"})[0]
    assert update["value"] == "newcomer"
    assert "newcomer" in [name for _, name in update["choices"]]
