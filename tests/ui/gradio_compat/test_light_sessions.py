"""Sessions describe no components; the last test fails once Gradio does not either."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ui.conftest import told_by

# In a process of its own, as Gradio leaves sockets and event loops behind.
SCRIPT = """
import json
import gradio as gr
from gradio.state_holder import SessionState
from ui.gradio_compat.light_sessions import describe_nothing_twice
with gr.Blocks(analytics_enabled=False) as blocks:
    box = gr.Textbox("a", key="text")
    seven = gr.State(7)
told = {"before": [one["type"] for one in SessionState(blocks).components]}
describe_nothing_twice()
describe_nothing_twice()  # once is enough
state = SessionState(blocks)
told["same"] = state[box._id] is box and state[seven._id] == 7
changed = gr.Textbox("b", render=False)
state[box._id] = changed
state._update_config(box._id)
state._update_value_in_config(box._id, "c")
told["changed"] = state[box._id] is changed
told["after"] = [one["type"] for one in state.components]
told["others"] = SessionState(blocks)[box._id] is box
told["page"] = blocks.default_config.config_for_block(box._id, [], box)["props"]["value"]
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return told_by(SCRIPT, tmp_path_factory.mktemp("program"))


def test_a_session_has_its_components_and_states_and_no_descriptions(told: dict[str, Any]) -> None:
    assert told["same"]
    assert told["changed"]
    assert told["after"] == []
    assert told["others"], "another session has its own"
    assert told["page"] == "a", "the page itself is described as ever"


def test_gradio_still_describes_all(told: dict[str, Any]) -> None:
    """Once this fails, `light_sessions` can go."""
    assert "textbox" in told["before"]
