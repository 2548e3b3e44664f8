"""What the browser keeps of the tabs' forms, and gives back when the page opens again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend.contracts.errors import LoomError
from ui.gradio_compat.untyped import event, on, skip
from ui.page.form import Form
from ui.page.workspace import Workspace
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
        return [update for space, kept in pairs for update in _restored(space.form, kept)]

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
            js=f"(...values) => (loom.restored['{mode}'] = true, "
            f"loom.changed('{mode}', {json.dumps(list(space.form.parts))}, values))",
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
        js=f"(...values) => loom.changed('{mode}', {json.dumps(list(form.parts))}, values)",
        inputs=[*form.components, kept],
        outputs=kept,
        show_progress="hidden",
        api_visibility="private",
    )


def _restored(form: Form, found: Any) -> list[Any]:
    """Updates for a form's actions and components; nothing changes where nothing was kept."""
    nothing = [skip()] * (1 + len(form.parts))
    if not isinstance(found, dict):
        return nothing
    kept = as_dict(found)
    try:
        settings = form.parse({k: kept.get(k) for k in form.parts})
    except LoomError:
        return nothing
    defaults = {"defaults": form.defaults(settings.model)}
    return [defaults, *form.write(settings.model_dump(mode="json"))]
