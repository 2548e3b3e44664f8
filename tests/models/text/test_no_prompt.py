"""The text part of models that read no prompt."""

from __future__ import annotations

import torch

from backend.models.parts import Text
from backend.models.text.no_prompt import NoPrompt


def test_it_says_nothing_in_as_many_rows_as_there_are_prompts() -> None:
    text: Text = NoPrompt()
    said = text.encode(["a", "b", ""])
    assert torch.equal(said.context, torch.zeros(3, 1, 1))
    assert len(text.unconditional("fog")) == 1
    assert said.padded(4).context.shape == (3, 4, 1)
    assert (text.count_tokens("a boat"), text.learned(["a"]), dict(text.modules)) == (
        (0, 1),
        {},
        {},
    )
