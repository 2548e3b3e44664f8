"""The LoRA tab's folds; what they do is seen in a browser (tests/ui/page/tabs/test_lora_mix.py)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr

from ui.panels.lora_tools import connect_pad, lora_tools


def test_each_fold_has_its_script_and_no_function_of_the_server() -> None:
    parts = lora_tools()
    assert list(parts) == ["pad", "footprint"]
    for name, part in parts.items():
        fold = part.parent
        assert isinstance(fold, gr.Accordion)
        assert fold.elem_id == f"lora_mix-{name}"
        assert f"mount{name.capitalize()}(" in str(getattr(part, "js_on_load", ""))
        assert not getattr(part, "server_functions", None)


def test_the_pads_script_is_handed_the_form() -> None:
    wired: list[dict[str, Any]] = []
    pad: Any = SimpleNamespace(build=lambda **options: wired.append(options))
    prompt, steps = gr.Textbox(), gr.Number()
    space: Any = SimpleNamespace(
        results={"pad": pad},
        tab=SimpleNamespace(mode="lora_mix"),
        form=SimpleNamespace(parts={"prompt": prompt, "steps": steps}),
    )
    connect_pad(space)
    (options,) = wired
    assert options["inputs"] == [prompt, steps]
    assert options["fn"] is None  # the server is asked by the script, over a route of its own
    assert '"lora_mix.build", ["prompt", "steps"]' in options["js"]
