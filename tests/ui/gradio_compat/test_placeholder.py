"""An empty dropdown says so, which Gradio's cannot."""

from __future__ import annotations

import inspect

import gradio as gr
import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages


@pytest.mark.browser
def test_the_empty_preset_is_named(pages: Pages) -> None:
    page = pages()
    expect(page.locator("#loom-preset input")).to_have_attribute("placeholder", "none")


def test_gradio_still_has_no_placeholder() -> None:
    """Once this fails, `gr.Dropdown(placeholder=...)` does it: `placeholder.js` can go."""
    assert "placeholder" not in inspect.signature(gr.Dropdown).parameters
