"""What the browser keeps of a tab's form, and gives back when the page opens again."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from backend.contracts.errors import LoomError
from ui.page.form import Form


def remember(
    page: gr.Blocks, *, form: Form, kept: gr.BrowserState, actions: gr.HTML, stage: gr.HTML
) -> None:
    """Wires a form to what the browser keeps of it.

    Args:
        page: Restores the form when it loads.
        form: Of one tab.
        kept: Its values in the browser.
        actions: Of the tab; told the defaults of the restored model.
        stage: Of the tab; stands for all outputs where Gradio would show progress on each.
    """
    mode = form.mode
    names = json.dumps(list(form.parts))
    keep = f"(...values) => loom.changed('{mode}', {names}, values)"
    watched = [*form.components, kept]
    # For each input of an event Gradio's page walks the tree of all components, so a change
    # hands nothing over; the script asks for all values once when the changes are through.
    gr.on(
        [part.change for part in form.components],
        fn=None,
        js=f"() => loom.touched('{mode}')",
        show_progress="hidden",
        api_visibility="private",
    )
    # Outside the tabs: what stands in a tab that was never open is not on the page.
    keeper = gr.HTML(
        None,
        html_template="<i></i>",
        apply_default_css=False,
        elem_classes="loom-carried",
        js_on_load=f"loom.keepers['{mode}'] = () => trigger('keep', {{}});",
    )
    keeper.keep(
        fn=None,
        js=keep,
        inputs=watched,
        outputs=kept,
        show_progress="hidden",
        api_visibility="private",
    )

    def restore(found: Any) -> list[Any]:
        if not isinstance(found, dict):
            return [gr.skip()] * (1 + len(form.parts))
        try:
            settings = form.parse({k: found.get(k) for k in form.parts})
        except LoomError:
            return [gr.skip()] * (1 + len(form.parts))
        defaults = {"defaults": form.defaults(settings.model)}
        return [defaults, *form.write(settings.model_dump(mode="json"))]

    page.load(
        restore,
        inputs=kept,
        outputs=[actions, *form.components],
        show_progress="hidden",
        show_progress_on=stage,
        api_visibility="private",
        queue=False,
    ).then(
        fn=None,
        inputs=watched,
        outputs=kept,
        js=f"(...values) => (loom.restored['{mode}'] = true, "
        f"loom.changed('{mode}', {names}, values))",
    )
