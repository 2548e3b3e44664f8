"""Events that do not fit the page are refused by a sentence.

What a component cannot make a value of, an event without a function, and a number of values that is
not the event's, are printed by Gradio (6.31) with a traceback each, and the client is told nothing:
`show_error` would tell it every exception's text. No issue upstream was found for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from ui.server.roles import check_call

UNFIT = "What was sent does not fit the page; reload it."


def plain_errors(
    blocks: gr.Blocks,
    sentence: Callable[[BaseException], str],
    noted: Callable[[str, str], None] = lambda who, did: None,
) -> None:
    """From here on, all that goes wrong in an event of the page is a sentence to its client.

    Args:
        blocks: The page.
        sentence: What a failure is told as; logs what nobody expected.
        noted: Told who has done what is for owners alone.
    """
    prepare, run = blocks.preprocess_data, blocks.process_api

    async def preprocess_data(*args: Any, **named: Any) -> Any:
        try:
            return await prepare(*args, **named)
        except gr.Error as error:
            raise _quiet(str(error.message)) from None
        except Exception:  # any component's, and any kind
            raise _quiet(UNFIT) from None

    async def process_api(block_fn: Any, *args: Any, **named: Any) -> Any:
        function = blocks.fns[block_fn] if isinstance(block_fn, int) else block_fn
        if function.fn is None:
            raise _quiet(UNFIT)
        try:
            if (who := check_call(function.fn, named.get("request"))) is not None:
                noted(who, f"called {function.fn.__name__}")
            return await run(block_fn, *args, **named)
        except (gr.Error, StopAsyncIteration):
            raise
        except Exception as error:
            raise _quiet(sentence(error)) from None

    blocks.preprocess_data = preprocess_data
    blocks.process_api = process_api


def _quiet(text: str) -> gr.Error:
    return gr.Error(text, print_exception=False)
