"""The pictures of every tab go along when the script asks to verify."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr

from ui.panels.verify import connect_verify


def test_the_script_is_handed_all_pictures_by_tab_and_name() -> None:
    wired: list[dict[str, Any]] = []
    panel: Any = SimpleNamespace(verify=lambda **options: wired.append(options))
    one, other = gr.Image(), gr.Image()
    spaces: list[Any] = [
        SimpleNamespace(tab=SimpleNamespace(mode="img2img"), pictures={"image": one}),
        SimpleNamespace(tab=SimpleNamespace(mode="morph"), pictures={"image_a": other}),
    ]
    connect_verify(panel, spaces)
    (options,) = wired
    assert options["inputs"] == [one, other]
    assert options["fn"] is None  # the server is asked by the script, over a route of its own
    assert '".verify", ["img2img/image", "morph/image_a"]' in options["js"]
