"""What the browser keeps of the tabs' forms, and gives back when the page opens again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend.contracts.errors import LoomError
from backend.resolve import documents
from ui.forms.form import Form
from ui.forms.workspace import Workspace
from ui.gradio_compat.untyped import event, on, skip
from ui.server.foreign import as_dict


def remember(page: gr.Blocks, spaces: Sequence[Workspace]) -> None:
    """Wires every tab's form to what the browser keeps of it.

    Args:
        page: Asks once, when it loads, for all forms together.
        spaces: The tabs.
    """
    for space in spaces:
        _keep(space.form, space.kept_form)

    def restore(*found: Any) -> list[Any]:
        pairs = zip(spaces, found, strict=True)
        return [update for space, kept in pairs for update in restored(space.form, kept)]

    outputs = [part for space in spaces for part in (space.actions, *space.form.components)]
    event = page.load(
        restore,
        inputs=[space.kept_form for space in spaces],
        outputs=outputs,
        show_progress="hidden",
        show_progress_on=spaces[0].stage,  # Gradio would show progress on each
        api_visibility="private",
        queue=False,
    )
    for space in spaces:
        mode = space.form.mode
        event.then(
            fn=None,
            inputs=[*space.form.components, space.kept_form],
            outputs=space.kept_form,
            js=f"(...values) => (loom.restored['{mode}'] = true, {_changed(space.form)})",
        )


def _keep(form: Form, kept: gr.BrowserState) -> None:
    """Lets the browser keep a form's values as they change."""
    mode = form.mode
    # For each input of an event Gradio's page walks the tree of all components, so a change
    # hands nothing over; the script asks for all values once when the changes are through.
    on(
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
    event(keeper, "keep")(
        fn=None,
        js=f"(...values) => {_changed(form)}",
        inputs=[*form.components, kept],
        outputs=kept,
        show_progress="hidden",
        api_visibility="private",
    )


def _changed(form: Form) -> str:
    """The script's call that takes all values in and gives back what the browser shall keep."""
    named = json.dumps([list(form.parts), documents.made_of(form.mode, {})])
    return f"loom.changed('{form.mode}', values, ...{named})"


def restored(form: Form, found: Any) -> list[Any]:
    """Updates for a form's actions and components; nothing changes where nothing was kept."""
    nothing = [skip()] * (1 + len(form.parts))
    kept = as_dict(found)
    try:
        if documents.VERSION not in kept:  # as it was kept before forms told their version
            kept = {documents.VERSION: 1, "mode": form.mode, "settings": kept}
        kept = kept | {"settings": form.kept(as_dict(kept.get("settings")))}
        document = documents.of(kept, "a form")
        values, _ = document.valid()
    except LoomError:
        return nothing
    if document.mode != form.mode or not values:
        return nothing
    return [form.told(str(values.get("model", ""))), *form.write(values)]
