"""The pictures of every tab go along when the script asks to verify."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from ui.forms.workspace import Workspace
from ui.gradio_compat.built_once import made_at_launch
from ui.panels.verify import connect_verify


@pytest.mark.usefixtures("own_loop")
def test_the_script_is_handed_all_pictures_by_tab_and_name() -> None:
    with made_at_launch(), gr.Blocks() as blocks:
        panel = gr.HTML(None, js_on_load="trigger('verify')")
        one, other = gr.Image(), gr.Image()
        spaces: list[Any] = [
            SimpleNamespace(tab=SimpleNamespace(mode="img2img"), pictures={"image": one}),
            SimpleNamespace(tab=SimpleNamespace(mode="morph"), pictures={"image_a": other}),
        ]
        connect_verify(panel, cast("list[Workspace]", spaces))
    (fn,) = blocks.fns.values()
    assert fn.inputs == [one, other]
    assert fn.fn is None
    assert '".verify", ["img2img/image", "morph/image_a"]' in str(fn.js)
