"""Events that read many components: their values travel together, as one.

Gradio's page (6.31; gradio-app/gradio#12872 profiles it) keeps a loading status for each input and
output of every event that ever ran, and hands all of them on with each message of a stream, looking
each component up in the whole tree. With the inputs of one form that took a third of a core while a
picture formed. So a script gathers the values, which touches no status, and hands them on: to the
page's own script, or to an event that has them as its one input.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.errors import BadInput
from ui.server.foreign import as_dict


class Values(dict[str, Any]):
    """Values by name; one that was not sent is asked for in vain, by a sentence."""

    def __missing__(self, key: str) -> Any:
        raise BadInput(f"The form did not send '{key[:80]}'; reload the page.", key[:80])


def carried(
    trigger: Callable[..., Any],
    fn: Callable[..., Any],
    inputs: Mapping[str, Component],
    outputs: Any,
    *,
    told: str = "",
    states: Sequence[gr.State] = (),
    **options: Any,
) -> Any:
    """Wires an event to `fn(sent, *states)`; `unpacked` opens what was sent.

    Called while the page is built: it adds the component that the values travel in.

    Args:
        trigger: Of a component, or `on` with its triggers bound.
        fn: What shall happen. Values come as the page has them, not preprocessed.
        inputs: Components by the names that their values shall have.
        outputs: Of the event.
        told: "mode.event" for an event whose script says more (`mount_call`): that comes along.
        states: What the server knows of the visitor; the page has no values of these.
        options: Further ones of the event.

    Returns:
        The event, to go on from.
    """
    box = gr.HTML(
        None, html_template="<i></i>", apply_default_css=False, elem_classes="loom-carried"
    )
    # Not "once", Gradio's default: it drops an event in silence while an earlier one's stream still
    # closes, and a stage that is done lets one press Generate before that.
    quiet: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        "trigger_mode": "multiple",
    }
    gather = f"(...values) => loom.carry({json.dumps(told)}, {json.dumps(list(inputs))}, values)"
    first = trigger(fn=None, js=gather, inputs=list(inputs.values()), outputs=box, **quiet)
    return first.then(
        fn, inputs=[box, *states], outputs=outputs, preprocess=False, **quiet | options
    )


def gathered(trigger: Callable[..., Any], event: str, inputs: Mapping[str, Component]) -> None:
    """Wires an event to the page's script alone, which is handed the components' values.

    Args:
        trigger: Of a component.
        event: "mode.event"; the script listens by that name (`onGathered`), and gets with the
            values what was said with the event.
        inputs: Components by the names that their values shall have.
    """
    names = json.dumps(list(inputs))
    trigger(
        fn=None,
        js=f"(...values) => loom.gathered({json.dumps(event)}, {names}, values)",
        inputs=list(inputs.values()),
        show_progress="hidden",
        api_visibility="private",
        trigger_mode="multiple",
    )


def unpacked(sent: Any) -> tuple[Values, Values]:
    """The components' values by name, and what the event's script said."""
    whole = as_dict(sent)
    return Values(as_dict(whole.get("values"))), Values(as_dict(whole.get("event")))
