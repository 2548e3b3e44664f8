"""The page does not wait for the engine; everything else does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from backend.contracts.errors import UnknownName
from backend.contracts.events import TokenCount
from backend.contracts.library import Library, ModelEntry
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from backend.engine.local.library import first_look
from backend.engine.local.starting import StartingEngine, begin, settled
from tests.jobs import ended
from tests.tiny import tiny_checkpoint

HAND = Library(models=(ModelEntry("at hand"),), samplers={})


def names(library: Library) -> list[str]:
    return [card.name for card in library.models]


class Slow:
    """Makes a fake engine once it is let."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.engine = FakeEngine()

    def __call__(self) -> Engine:
        assert self.go.wait(20)
        return self.engine


def test_the_builder_is_told_what_is_at_hand_and_others_wait() -> None:
    slow = Slow()
    engine = StartingEngine(slow, HAND)
    assert names(engine.library()) == ["at hand"]
    told: list[Any] = []
    other = threading.Thread(target=lambda: told.append(names(engine.library())))
    other.start()
    slow.go.set()
    other.join(0.2)
    assert told == []  # nobody who waits begins it: the page does, once it answers
    begin(engine)
    other.join(20)
    assert told == [names(slow.engine.library())]
    settled(engine)
    assert names(engine.library()) == names(slow.engine.library())
    assert engine.memory() == slow.engine.memory()
    engine.close()


def test_one_that_never_began_is_closed_at_once() -> None:
    engine = StartingEngine(Slow(), HAND)
    engine.close()


def test_tokens_are_unknown_before_it_is_there() -> None:
    slow = Slow()
    engine = StartingEngine(slow, HAND)
    assert engine.count_tokens("pocket", "a red house") is None
    slow.go.set()
    settled(engine)
    assert engine.count_tokens("pocket", "a (red:1.2) house BREAK b") == TokenCount((3, 1), 75)
    engine.close()


def test_nobody_waits_for_it_who_asks_of_a_job() -> None:
    """The page's event loop touches and cancels while torch is imported: it may not stand."""
    slow = Slow()
    engine = StartingEngine(slow, HAND)
    engine.cancel("a token")
    assert engine.timeline("a token") is None
    for question in (
        lambda: engine.touch("a token"),
        lambda: engine.detach("a token"),
        lambda: engine.status("a token"),
        lambda: engine.wait("a token", 0, 60.0),
        lambda: engine.promote("a token"),
        lambda: engine.results("a token"),
        lambda: engine.file("a token"),
        lambda: engine.timeline_frame("a token", 0),
        lambda: asyncio.run(engine.next_preview("a token", 0)),
    ):
        with pytest.raises(UnknownName, match="still starting"):
            question()
    slow.go.set()
    settled(engine)
    token = ask(engine, Request(Txt2ImgSettings(model="pocket")))
    engine.touch(token)
    assert ended(engine, token).state == "done"
    engine.close()


def test_what_keeps_it_from_starting_is_told_to_whoever_asks() -> None:
    def broken() -> Engine:
        raise ValueError("no such device")

    engine = StartingEngine(broken, HAND)
    with pytest.raises(ValueError, match="no such device"):
        settled(engine)
    with pytest.raises(ValueError, match="no such device"):
        engine.memory()
    engine.close()


def test_the_first_look_needs_no_torch(tmp_path: Path) -> None:
    tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    assert names(first_look([tmp_path])) == ["tiny"]
    code = (
        "import sys; from pathlib import Path; from backend.engine.local.library import first_look;"
        f"import ui.page.build; print(len(first_look([Path({str(tmp_path)!r})]).models));"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr
