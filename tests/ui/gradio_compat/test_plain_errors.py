"""What does not fit a component, and what fails inside, are sentences to the client."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest
from gradio import queueing

from backend.contracts.errors import BadInput
from ui.gradio_compat.plain_errors import UNFIT, plain_errors
from ui.jobs.sentences import sentence


class Page:
    """What Gradio's blocks have of events; real ones leave sockets behind (see the attacks)."""

    def __init__(self, *functions: Callable[..., Any] | None) -> None:
        self.fns = {number: SimpleNamespace(fn=fn) for number, fn in enumerate(functions)}

    async def preprocess_data(self, function: Any, values: list[Any]) -> list[int]:
        if not values:
            raise gr.Error("Too few values.")
        return [values[0] + 0]

    async def process_api(self, function: Any, values: list[Any]) -> Any:
        function = self.fns[function] if isinstance(function, int) else function
        return function.fn(*await self.preprocess_data(function, values))


def fail(number: int) -> None:
    raise BadInput("Choose another size.", "width")


def answered(event: int, *values: Any) -> Any:
    page = Page(lambda n: n, fail, None)
    plain_errors(cast("gr.Blocks", page), sentence)
    return asyncio.run(page.process_api(event, list(values)))


@pytest.mark.parametrize(
    ("event", "values", "said"),
    [
        (0, [None], UNFIT),
        (0, [], "Too few values."),
        (1, [3], "Choose another size."),
        (2, [3], UNFIT),
    ],
)
def test_what_goes_wrong_is_a_quiet_sentence(event: int, values: list[Any], said: str) -> None:
    with pytest.raises(gr.Error) as error:
        answered(event, *values)
    assert (error.value.message, error.value.print_exception) == (said, False)


def test_what_fits_passes() -> None:
    assert answered(0, 3) == 3


def test_gradio_still_prints_what_an_event_raises() -> None:
    """Once this fails, look whether Gradio says by itself what does not fit."""
    assert "traceback.print_exc()" in inspect.getsource(queueing.Queue.process_events)
