"""What a model has no use for is greyed with the reason, and sent with no run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from backend.contracts.capabilities import Capabilities
from backend.contracts.library import Library, ModelEntry
from backend.engine.fake.engine import FakeEngine
from ui.forms import able
from ui.forms.controls import control_for
from ui.forms.form import Form
from ui.server.schema import field_schema

PLAIN = ModelEntry(
    "cloud",
    title="Cloud",
    can=Capabilities(prompt=False, negative_prompt=False, guidance="none", separate_vae=False),
)
NAMES = ("prompt", "negative_prompt", "guidance_scale", "steps", "vae", "loras")


class OneModel(FakeEngine):
    """The stand-in with another model first."""

    def library(self, *, refresh: bool = False) -> Library:
        found = super().library(refresh=refresh)
        return replace(found, models=(PLAIN, *found.models))


@pytest.fixture(scope="module")
def form() -> Iterator[Form]:
    import gradio as gr

    engine = OneModel(step_time_s=0.0)
    built = Form("txt2img", engine)
    names = ["cloud", "pocket"]
    built.adopt(control_for(built.settings, "model"), gr.Dropdown(names, value="cloud"))
    for name in NAMES:
        built.add(name)
    yield built
    engine.close()


def test_it_is_greyed_from_the_start_with_the_reason(form: Form) -> None:
    for key in ("prompt", "negative_prompt", "guidance_scale", "vae"):
        component = form.parts[key]
        assert component.interactive is False
        assert "'Cloud'" in component.info
    assert form.parts["steps"].interactive is not False


def test_steps_go_as_far_as_is_of_use_to_the_model(form: Form) -> None:
    assert form.parts["steps"].maximum == 150
    library = form.engine.library()
    many = replace(PLAIN, can=replace(PLAIN.can, usual_steps=1000))
    control, schema = control_for(form.settings, "steps"), field_schema(form.settings, "steps")
    built = control.build("steps", schema, replace(library, models=(many,)), "x")
    assert built.maximum == 1000


def test_its_text_stays_in_the_form_and_goes_with_no_run(form: Form) -> None:
    raw = {key: getattr(part, "value", None) for key, part in form.parts.items()}
    raw |= {"prompt": "a boat", "negative_prompt": "fog", "guidance_scale": 9.0, "loras": None}
    sent = form.values(raw | {"model": "cloud"})
    assert (sent["prompt"], sent["negative_prompt"], sent["guidance_scale"]) == ("", "", None)
    sent = form.values(raw | {"model": "pocket"})
    assert (sent["prompt"], sent["negative_prompt"], sent["guidance_scale"]) == ("a boat", "fog", 9)


def test_an_update_greys_and_restores() -> None:
    greyed = able.update("prompt", "", PLAIN)
    assert greyed["interactive"] is False
    assert greyed["info"] == "'Cloud' reads no prompt; leave it empty, or choose another model."
    back = able.update("prompt", "What it shows.", ModelEntry("pocket"))
    assert back["interactive"] is True
    assert back["info"] == "What it shows."
    assert "value" not in back
    assert able.reason("steps", PLAIN) is None
    assert not able.follows("loras")
