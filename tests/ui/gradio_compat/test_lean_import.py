"""Gradio is imported without its stubs being written, and works as it does otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
{first}
import gradio as gr
import gradio.component_meta as meta
def tell():
    print(meta.create_or_modify_pyi.__module__)
    with gr.Blocks() as blocks:
        box = gr.Textbox(label="one")
        html = gr.HTML("two", js_on_load="trigger('three')")
        box.change(lambda x: x, box, box)
        html.three(lambda: None)
    print(len(blocks.config["dependencies"]) if hasattr(blocks, "config") else len(blocks.fns))
    print("mcp" in sys.modules)
    print(sum("lean_import" in type(f).__module__ for f in sys.meta_path))
tell()
{then}
"""
LEAN = "from ui.gradio_compat.lean_import import import_lean;import_lean(); import_lean()"


def ran(first: str, then: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first, then=then)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
        timeout=120,
    )
    return done.stdout.split()


def test_only_the_writer_of_stubs_is_replaced() -> None:
    plain = ran("", f"{LEAN}\ntell()")
    lean = ran(LEAN, "from mcp.server import Server\nprint(Server.__name__)")
    assert plain[0] == "gradio.component_meta"
    assert lean[0] == "ui.gradio_compat.lean_import"
    assert plain[1] == lean[1]
    assert lean[2] == "False"  # also where the package is installed, as it is for these tests
    assert plain[3] == lean[3] == "0"
    assert int(plain[1]) == 2
    assert lean[4:] == ["Server"], "the package can be imported afterwards"
    assert plain[4:] == ["gradio.component_meta", "2", "True", "0"], "it does nothing after Gradio"
