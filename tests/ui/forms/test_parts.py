"""Each component takes title, range, choices and hint from the field's schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from backend.contracts.capabilities import Capabilities
from backend.contracts.library import Library, ModelEntry, SamplerEntry
from ui.forms import parts

LIBRARY = Library(
    models=(ModelEntry("one", default=True, can=Capabilities(usual_steps=30)),),
    samplers={
        "a": SamplerEntry("a", "Sampler A", ("fast", "slow")),
        "b": SamplerEntry("b", "Sampler B", ("slow", "even")),
    },
)
SCHEMA: dict[str, Any] = {
    "title": "A title",
    "description": "What it does.",
    "type": "integer",
    "minimum": 1,
    "maximum": 150,
    "default": 20,
}
LIST = SCHEMA | {"enum": ["a", "b"], "choices": {"a": "The first"}, "default": "a"}


def built(build: Callable[..., Any], schema: dict[str, Any], key: str = "field") -> Any:
    return build(key, schema, LIBRARY, f"tab-{key}")


@pytest.mark.parametrize(
    ("build", "schema", "kind"),
    [
        (parts.slider, SCHEMA, gr.Slider),
        (parts.number, SCHEMA, gr.Number),
        (parts.choice, LIST, gr.Dropdown),
        (parts.method, LIST | {"default": ""}, gr.Dropdown),
        (parts.check, SCHEMA | {"default": True}, gr.Checkbox),
        (parts.text, SCHEMA | {"default": "words"}, gr.Textbox),
        (parts.line, SCHEMA | {"default": ""}, gr.Textbox),
        (parts.vae, SCHEMA | {"default": ""}, gr.Dropdown),
        (parts.controlnet, SCHEMA | {"default": ""}, gr.Dropdown),
        (parts.detector, SCHEMA | {"default": "canny"}, gr.Dropdown),
    ],
)
def test_a_component_says_what_its_field_says(
    build: Callable[..., Any], schema: dict[str, Any], kind: type
) -> None:
    part = built(build, schema)
    assert isinstance(part, kind)
    assert part.label == "A title"
    assert str(part.info).startswith("What it does.")
    assert part.elem_id == "tab-field"
    assert part.value == schema["default"]


def test_a_slider_has_the_fields_range_and_a_step_of_its_kind() -> None:
    whole = built(parts.slider, SCHEMA)
    assert (whole.minimum, whole.maximum, whole.step) == (1, 150, 1)
    assert built(parts.slider, SCHEMA | {"type": "number"}).step == 0.05
    assert built(parts.slider, SCHEMA | {"step": 0.1}).step == 0.1


def test_steps_go_as_far_as_is_of_use_to_the_model() -> None:
    assert built(parts.steps, SCHEMA).maximum == 30
    assert built(parts.steps, SCHEMA | {"maximum": 10}).maximum == 10


def test_lists_offer_what_the_library_has() -> None:
    assert built(parts.sampler, LIST).choices == [("Sampler A", "a"), ("Sampler B", "b")]
    every = built(parts.schedule, SCHEMA | {"default": "slow", "choices": {"even": "Even"}})
    assert every.choices == [("fast", "fast"), ("slow", "slow"), ("Even", "even")]
    assert built(parts.method, LIST | {"default": ""}).choices[0] == ("what fits", "")


def test_a_prompt_has_room_and_says_what_belongs_there() -> None:
    prompt = built(parts.prompt, SCHEMA | {"default": ""}, "prompt")
    negative = built(parts.prompt, SCHEMA | {"default": ""}, "negative_prompt")
    assert prompt.lines > negative.lines
    assert prompt.placeholder != negative.placeholder
    assert parts.PROMPTS in prompt.elem_classes


def test_a_size_may_be_typed() -> None:
    size = built(parts.size, SCHEMA | {"default": "native"})
    assert size.allow_custom_value
    assert size.choices[0][1] == "native"
