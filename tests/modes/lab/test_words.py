"""A prompt as a tiny CLIP reads it."""

from __future__ import annotations

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.contracts.lab.words import WordsSettings
from backend.engine.local.engine import LocalEngine
from backend.modes.lab.words import CELL_PX, reader_of, squares
from tests.modes.lab.looking import SIZE, looked


def test_tokens_weights_and_likeness(engine: LocalEngine) -> None:
    status = looked(engine, WordsSettings(**SIZE, prompt="a (boat:1.5) a"))
    found = status.info["lab"]
    assert found["chunks"] == 1
    spelt = "".join(one["text"] + (" " if one["ends"] else "") for one in found["tokens"])
    assert spelt == "a boat a "
    assert {one["weight"] for one in found["tokens"]} == {1.0, 1.5}
    assert len(found["alike"]) == len({one["id"] for one in found["tokens"]})
    rows = torch.tensor(found["likeness"])
    assert torch.allclose(rows.diagonal(), torch.ones(len(rows)), atol=2e-3)
    assert torch.equal(rows, rows.T)


def test_an_empty_prompt_has_no_tokens(engine: LocalEngine) -> None:
    found = looked(engine, WordsSettings(**SIZE)).info["lab"]
    assert found["tokens"] == ()
    assert found["likeness"] == ()


def test_squares_are_white_where_two_are_one() -> None:
    shown = squares(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    assert shown.shape == (2 * CELL_PX, 2 * CELL_PX, 3)
    assert (shown[0, 0, 0], shown[0, -1, 0]) == (255, 0)
    assert squares(torch.zeros(0, 0)).shape == (CELL_PX, CELL_PX, 3)


def test_other_readers_are_told_apart() -> None:
    from types import SimpleNamespace
    from typing import Any

    model: Any = SimpleNamespace(name="m", text=object())
    with pytest.raises(BadInput, match="not read by CLIP"):
        reader_of(model)
