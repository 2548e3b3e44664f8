"""What follows the chosen model: standards, ranges, and what it has no use for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from backend.contracts.capabilities import Capabilities
from backend.contracts.library import Library, ModelEntry
from backend.engine.fake.engine import FakeEngine
from ui.forms.controls import control_for
from ui.forms.form import Form
from ui.page.following import connect_model

CLOUD = ModelEntry(
    "cloud",
    title="Cloud",
    native_size=(64, 64),
    guidance_scale=1.5,
    can=Capabilities(prompt=False, negative_prompt=False, usual_steps=1000),
)


OWN = ModelEntry("own", can=Capabilities(steps=75, sampler="ddim"))


class Engine(FakeEngine):
    """Has a model that reads no prompt, and one that recommends sampler and steps."""

    def library(self, *, refresh: bool = False) -> Library:
        told = super().library(refresh=refresh)
        return replace(told, models=(*told.models, CLOUD, OWN))


@pytest.fixture
def answer() -> Iterator[Any]:
    """Updates by part, under a model."""
    engine = Engine()
    wired: list[Any] = []
    model: Any = SimpleNamespace(input=lambda fn, **options: wired.append((fn, options)))
    form = Form("txt2img", engine)
    form.adopt(control_for(form.settings, "model"), gr.Dropdown(["pocket"], value="pocket"))
    for name in ("prompt", "negative_prompt", "steps", "guidance_scale", "width"):
        form.add(name)
    form.add("sampler")
    form.add("schedule")
    actions = gr.HTML()
    space: Any = SimpleNamespace(form=form, actions=actions)
    notices: Any = SimpleNamespace(model=lambda fn, **options: picks.append((fn, options)))
    picks: list[Any] = []
    connect_model(model, [space], notices)
    assert picks[0][1]["outputs"][0] is model  # one chosen by its picture is shown in the list
    ((follow, options),) = wired
    names = {part: key for key, part in form.parts.items()} | {actions: "actions"}

    def under(name: str) -> dict[str, Any]:
        values = follow(name)
        return {names[part]: value for part, value in zip(options["outputs"], values, strict=True)}

    yield under
    engine.close()


def test_its_own_size_guidance_and_steps_stand_in_the_form(answer: Any) -> None:
    told = answer("cloud")
    assert told["size"]["value"] == "native"
    assert told["size"]["choices"][0] == ("64 × 64, native", "native")
    assert told["guidance_scale"]["value"] == 1.5
    assert told["steps"]["maximum"] == 1000
    assert "value" not in told["steps"]
    assert told["actions"]["defaults"]["guidance_scale"] == 1.5


def test_what_it_has_no_use_for_is_greyed_and_keeps_its_text(answer: Any) -> None:
    told = answer("cloud")
    assert told["prompt"]["interactive"] is False
    assert "Cloud" in told["prompt"]["info"]
    assert "value" not in told["prompt"]
    back = answer("pocket")
    assert back["prompt"]["interactive"] is True
    assert back["prompt"]["info"] == ""  # a prompt needs no hint


def test_nothing_else_is_touched(answer: Any) -> None:
    untouched = {"__type__": "update"}
    assert answer("cloud")["sampler"] == answer("cloud")["schedule"] == untouched
    assert "model" not in answer("cloud")


def test_sampler_and_steps_follow_where_a_model_recommends_some(answer: Any) -> None:
    told = answer("own")
    assert (told["steps"]["value"], told["sampler"]["value"]) == (75, "ddim")
    assert told["schedule"]["value"] == "model"
    assert [name for _, name in told["schedule"]["choices"]] == ["model", "trailing"]
