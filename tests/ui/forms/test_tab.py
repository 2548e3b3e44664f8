"""A tab's declaration says which fields stand where, and where pictures may be sent."""

from __future__ import annotations

from dataclasses import fields

import pytest

from backend.contracts.fields import described
from backend.contracts.settings import MODES
from ui.forms.tab import Fold, Inputs, Layout, Tab
from ui.page.tabs import TABS


def tab(layout: Layout, inputs: Inputs | None = None) -> Tab:
    return Tab("txt2img", "one", "heading", "text", layout, inputs or Inputs())


def test_what_is_declared_advanced_and_stands_nowhere_follows_what_comes_first() -> None:
    advanced = [
        name for name, told in described(MODES["txt2img"]).items() if told.group == "advanced"
    ]
    first, hidden, folded, *others = advanced
    made = tab(
        Layout(
            ("steps",),
            advanced=("sampler",),
            scripted=(hidden,),
            folds=(Fold("f", "F", (folded,)),),
        )
    )
    assert made.in_advanced == ("sampler", first, *others)
    assert made.fields == ("steps", "sampler", first, *others, folded)


@pytest.mark.parametrize(
    ("receivers", "places"),
    [
        ((), ()),
        ((("image", ""),), (("txt2img", "image", "one"),)),
        (
            (("image_a", "end A"), ("image_b", "end B")),
            (
                ("txt2img-image_a", "image_a", "one, end A"),
                ("txt2img-image_b", "image_b", "one, end B"),
            ),
        ),
    ],
)
def test_pictures_are_sent_to_what_receives_them(
    receivers: tuple[tuple[str, str], ...], places: tuple[tuple[str, str, str], ...]
) -> None:
    assert tab(Layout(()), Inputs(receivers=receivers)).places == places


def test_inputs_that_build_nothing_ask_for_nothing() -> None:
    assert not Inputs().asks
    assert Inputs(components=lambda: {}).asks
    assert Inputs().components() == Inputs().pixels({"image": "x"}) == {}


@pytest.mark.parametrize("one", TABS, ids=[one.mode for one in TABS])
def test_no_field_stands_in_two_places(one: Tab) -> None:
    assert len(set(one.fields)) == len(one.fields)


def test_a_tab_is_a_small_record() -> None:
    assert len(fields(Tab)) < 10
