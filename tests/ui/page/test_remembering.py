"""A form comes back as the browser kept it, as far as what was kept still fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from backend.engine.fake.engine import FakeEngine
from backend.resolve import documents
from tests.resolve.test_documents import second_version
from ui.forms.controls import control_for
from ui.forms.form import Form
from ui.page.remembering import restored

__all__ = ["second_version"]  # the fixture


@pytest.fixture
def form() -> Iterator[Form]:
    engine = FakeEngine()
    made = Form("txt2img", engine)
    made.adopt(control_for(made.settings, "model"), gr.Dropdown(["pocket"], value="pocket"))
    for name in ("prompt", "steps", "guidance_scale", "width"):
        made.add(name)
    yield made
    engine.close()


def shown(form: Form, kept: Any) -> dict[str, Any]:
    """What a form shows after a browser gave back what it kept; nothing where it stays."""
    parts = dict(zip(form.parts, restored(form, kept)[1:], strict=True))
    return {key: update["value"] for key, update in parts.items() if "value" in update}


NOW = {"model": "pocket", "prompt": "a house", "steps": 9, "guidance_scale": 2.0, "size": "64x96"}


def test_a_form_is_as_the_browser_kept_it(form: Form) -> None:
    assert shown(form, documents.made_of("txt2img", NOW)) == NOW


def test_one_kept_before_a_control_was_there_keeps_the_rest(form: Form) -> None:
    older = {key: value for key, value in NOW.items() if key != "steps"}
    assert shown(form, older) == NOW | {"steps": 20}  # it told no version then
    assert shown(form, documents.made_of("txt2img", older)) == NOW | {"steps": 20}


def test_a_value_that_is_none_of_today_costs_only_itself(form: Form) -> None:
    assert shown(form, NOW | {"size": "huge", "steps": 10**6}) == NOW | {
        "size": "native",
        "steps": 20,
    }


@pytest.mark.usefixtures("second_version")
def test_a_form_of_an_older_version_is_brought_to_the_present(form: Form) -> None:
    older = NOW | {"cfg": 3.5}
    del older["guidance_scale"]
    for kept in (older, {"schema": 1, "mode": "txt2img", "settings": older}):
        assert shown(form, kept) == NOW | {"guidance_scale": 3.5}


@pytest.mark.parametrize(
    "kept",
    [
        None,
        7,
        {},
        {"schema": 99, "mode": "txt2img", "settings": NOW},
        {"schema": 1, "mode": "img2img", "settings": NOW},
        {"schema": 1, "mode": "txt2img", "settings": "x"},
    ],
)
def test_what_cannot_be_used_leaves_the_form_alone(form: Form, kept: Any) -> None:
    assert shown(form, kept) == {}
