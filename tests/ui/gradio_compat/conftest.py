"""A page of Gradio alone, without anything of ours: what the work-arounds are held against."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
import pytest

from tests.ui.conftest import free_port


@pytest.fixture(scope="session")
def plain() -> Iterator[str]:
    """Where a small page of Gradio's own answers."""
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Textbox(label="spoken")
        with gr.Accordion("folded", open=False, elem_id="folded"):
            gr.Textbox("held", label="inside", elem_id="inside")
            gr.ImageEditor(label="painted")
    _, url, _ = blocks.launch(
        server_name="127.0.0.1",
        server_port=free_port(),
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,
        share=False,
    )
    yield url.rstrip("/")
    blocks.close(verbose=False)
